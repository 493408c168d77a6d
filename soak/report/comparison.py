"""Compares two soak reports: new, gone and larger findings, and the differences between the runs. Does no I/O."""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec

from soak.gauges.counts import CycleCounts
from soak.gauges.results import BoundOutcome, FindingResult, GaugeResult, Product, Report, ScenarioResult, SoakVerdict
from soak.gauges.state import Trend
from soak.report.sentences import planned

SCHEMA_VERSION: Final = 1

LARGER: Final = 1.25
"""A rate counts as larger if it is more than this many times the earlier rate.

The rates of two runs without a difference are closer than this.
"""

FACTS: Final = ("platform", "python", "c_library", "cpus", "network")
"""Facts of the environment that are compared."""

PLAN: Final = ("scenarios", "time_scale", "phones", "plant", "memray")
"""Options of the plan that are compared."""


class ComparisonOutcome(StrEnum):
    """The verdict of a comparison.

    WORSE: a finding is new or larger. INCOMPARABLE: the reports can't show whether anything is new. Reports with
    different seeds are comparable; the seeds are listed among the differences.
    """

    NOT_WORSE = "not_worse"
    WORSE = "worse"
    INCOMPARABLE = "incomparable"


EXIT_STATUS: Final[Mapping[ComparisonOutcome, int]] = {
    ComparisonOutcome.NOT_WORSE: 0,
    ComparisonOutcome.WORSE: 1,
    ComparisonOutcome.INCOMPARABLE: 4,
}


class Change(StrEnum):
    """The change of a finding from the earlier to the later report.

    UNKNOWN: the later report does not have the finding, but has not judged its scenario either.
    """

    NEW = "new"
    LARGER = "larger"
    SAME = "same"
    SMALLER = "smaller"
    GONE = "gone"
    UNKNOWN = "unknown"


class ComparedReport(msgspec.Struct, frozen=True):
    """The facts about one of the two compared reports."""

    verdict: SoakVerdict
    finished: bool
    started_at: str
    duration_s: float
    counts: CycleCounts
    seed: int
    product: Product


class Difference(msgspec.Struct, frozen=True):
    """A fact about the runs that is not the same in both reports, such as a version or an option."""

    name: str
    before: str
    after: str


class FindingChange(msgspec.Struct, frozen=True):
    """A finding that is in at least one of the reports.

    `before` and `after` are its rates for each cycle, in `unit`. A rate is null if that report does not have the
    finding.
    """

    kind: str
    name: str
    scenario: str
    unit: str
    change: Change
    before: float | None
    after: float | None


class GaugeChange(msgspec.Struct, frozen=True):
    """A gauge that both reports have.

    `before` and `after` are its rates for each cycle. `before_smallest` and `after_smallest` are the smallest leaks
    that would have been found, also for each cycle. A number is null if the gauge was not judged.
    """

    name: str
    scenario: str
    unit: str
    before_state: Trend
    after_state: Trend
    before: float | None
    after: float | None
    before_smallest: float | None
    after_smallest: float | None


class LimitChange(msgspec.Struct, frozen=True):
    """A limit whose state is not the same in both reports."""

    name: str
    before: BoundOutcome
    after: BoundOutcome


class ReportComparison(msgspec.Struct, frozen=True):
    """The result of a comparison. `reasons` say why the reports are incomparable."""

    outcome: ComparisonOutcome
    reasons: list[str]
    before: ComparedReport
    after: ComparedReport
    differences: list[Difference]
    findings: list[FindingChange]
    gauges: list[GaugeChange]
    limits: list[LimitChange]
    schema_version: int = SCHEMA_VERSION


def compare(before: Report, after: Report) -> ReportComparison:
    """Compare the report from `before` a change with the report from `after` it."""
    findings = [*_findings(before, after)]
    worse = any(one.change in (Change.NEW, Change.LARGER) for one in findings)
    reasons = [*_obstacles(before, after)] or ([] if worse else [*_doubts(after)])
    outcome = (
        ComparisonOutcome.INCOMPARABLE if reasons else ComparisonOutcome.WORSE if worse else ComparisonOutcome.NOT_WORSE
    )
    return ReportComparison(
        outcome=outcome,
        reasons=reasons,
        before=_side(before),
        after=_side(after),
        differences=[*_differences(before, after)],
        findings=findings,
        gauges=[*_gauges(before.gauges, after.gauges)],
        limits=[*_limits(before, after)],
    )


def _obstacles(before: Report, after: Report) -> Iterator[str]:
    """Yield the reasons why the reports can't be compared."""
    for name, report in (("the earlier", before), ("the later", after)):
        if not report.finished:
            yield f"{name} report was written during its run"
    yield from _driven_differently(before, after)


def _driven_differently(before: Report, after: Report) -> Iterator[str]:
    """Yield the differences between the plans that could make a finding new or gone even if MobiFai did not change."""
    one, other = _scenarios(before), _scenarios(after)
    if one != other:
        yield f"the runs had different scenarios ({_text(one)} → {_text(other)}): run both with the same ones"
    earlier, later = _plan(before).get("plant"), _plan(after).get("plant")
    if earlier != later:
        yield f"the runs had different plants ({_named(earlier)} → {_named(later)}): run both with the same --plant"


def _scenarios(report: Report) -> list[str]:
    return sorted({*planned(report), *(one.name for one in report.scenarios)})


def _plan(report: Report) -> Mapping[str, Any]:
    plan = report.environment.get("plan")
    return plan if isinstance(plan, dict) else {}


def _doubts(after: Report) -> Iterator[str]:
    """Yield the reasons why new findings may have been missed."""
    if after.verdict == "inconclusive":
        yield "the later report has no verdict, so new findings may have been missed"


def _side(report: Report) -> ComparedReport:
    return ComparedReport(
        report.verdict, report.finished, report.started_at, report.duration_s, report.counts, report.seed,
        report.product,
    )  # fmt: skip


# -- what is different about the runs


def _differences(before: Report, after: Report) -> Iterator[Difference]:
    one, other = _facts(before), _facts(after)
    for name in dict.fromkeys([*one, *other]):
        if one.get(name, "") != other.get(name, ""):
            yield Difference(name, one.get(name, "unknown"), other.get(name, "unknown"))


def _facts(report: Report) -> dict[str, str]:
    product, plan = report.product, _plan(report)
    facts = {"version": product.version, "commit": product.commit, "uncommitted changes": product.dirty,
             "installed": product.installed.value, "seed": report.seed}  # fmt: skip
    facts |= {name: report.environment.get(name) for name in FACTS}
    facts |= {name: plan[name] for name in PLAN if name in plan}
    facts |= {"plant": _named(plan["plant"])} if "plant" in plan else {}
    libraries = report.environment.get("libraries")
    facts |= libraries if isinstance(libraries, dict) else {}
    return {str(name): _text(value) for name, value in facts.items()}


def _named(plant: Any) -> str:
    """Return the plant of a run, or "none"."""
    return "none" if plant is None else str(plant)


def _text(value: Any) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


# -- what was found


def _findings(before: Report, after: Report) -> Iterator[FindingChange]:
    one, other = _by_name(before.findings), _by_name(after.findings)
    judged = {scenario.name for scenario in after.scenarios if _is_judged(scenario)}
    for key in dict.fromkeys([*other, *one]):
        found = other.get(key) or one[key]
        change = _change(one.get(key), other.get(key), found.scenario in judged or not found.scenario)
        yield FindingChange(*key, found.unit, change, _rate(one.get(key)), _rate(other.get(key)))


def _by_name(findings: Iterable[FindingResult]) -> dict[tuple[str, str, str], FindingResult]:
    return {(one.kind, one.name, one.scenario): one for one in findings}


def _is_judged(scenario: ScenarioResult) -> bool:
    return scenario.state.is_judged


def _change(before: FindingResult | None, after: FindingResult | None, judged: bool) -> Change:
    if before is None:
        return Change.NEW
    if after is None:
        return Change.GONE if judged else Change.UNKNOWN
    if after.per_cycle > LARGER * before.per_cycle:
        return Change.LARGER
    return Change.SMALLER if before.per_cycle > LARGER * after.per_cycle else Change.SAME


def _rate(finding: FindingResult | None) -> float | None:
    return None if finding is None else finding.per_cycle


# -- gauges and limits


def _gauges(before: Iterable[GaugeResult], after: Iterable[GaugeResult]) -> Iterator[GaugeChange]:
    known = {(one.scenario, one.name): one for one in before}
    for now in after:
        if one := known.get((now.scenario, now.name)):
            yield GaugeChange(
                now.name, now.scenario, now.unit, one.state, now.state, one.per_cycle, now.per_cycle,
                one.smallest_leak, now.smallest_leak,
            )  # fmt: skip


def _limits(before: Report, after: Report) -> Iterator[LimitChange]:
    known = {one.name: one.state for one in before.bounds}
    for bound in after.bounds:
        state = known.get(bound.name, BoundOutcome.UNFILLED)
        if state is not bound.state:
            yield LimitChange(bound.name, state, bound.state)
