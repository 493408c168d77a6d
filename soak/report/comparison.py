"""Two reports of soak side by side: what is new, gone, larger, and what is different about the runs. Pure."""

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
"""A rate that is so many times the earlier one is larger; by less, the rates of two runs differ anyway."""

FACTS: Final = ("platform", "python", "c_library", "cpus", "network")
"""Facts of the environment that are compared."""

PLAN: Final = ("scenarios", "time_scale", "phones", "plant", "memray")
"""Options that are compared."""


class ComparisonOutcome(StrEnum):
    """The verdict of a comparison. INCOMPARABLE: the reports can't say whether anything is new. Another seed is no
    obstacle: it is named among the differences.
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
    """The outcome of a finding. UNKNOWN: it is not in the later report, which did not judge its scenario."""

    NEW = "new"
    LARGER = "larger"
    SAME = "same"
    SMALLER = "smaller"
    GONE = "gone"
    UNKNOWN = "unknown"


class ComparedReport(msgspec.Struct, frozen=True):
    """One report."""

    verdict: SoakVerdict
    finished: bool
    started_at: str
    duration_s: float
    counts: CycleCounts
    seed: int
    product: Product


class Difference(msgspec.Struct, frozen=True):
    """A fact of the runs that is not the same."""

    name: str
    before: str
    after: str


class FindingChange(msgspec.Struct, frozen=True):
    """A finding of either report. A rate is null where that report does not have it."""

    kind: str
    name: str
    scenario: str
    unit: str
    change: Change
    before: float | None
    after: float | None


class GaugeChange(msgspec.Struct, frozen=True):
    """A gauge that both reports have: states, rates for each cycle, and the smallest leaks that would be
    seen; null where nothing was judged.
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
    """A limit whose state is not the same."""

    name: str
    before: BoundOutcome
    after: BoundOutcome


class ReportComparison(msgspec.Struct, frozen=True):
    """All of it. `reasons` say why nothing can be said."""

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
    """Lay two reports side by side."""
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
    """Why the two can't be compared at all."""
    for name, report in (("the earlier", before), ("the later", after)):
        if not report.finished:
            yield f"{name} report was written while its run went on"
    yield from _driven_differently(before, after)


def _driven_differently(before: Report, after: Report) -> Iterator[str]:
    """What the runs had to do, where it is not the same: a finding may be new or gone for that alone."""
    one, other = _scenarios(before), _scenarios(after)
    if one != other:
        yield f"they ran other scenarios ({_text(one)} → {_text(other)}): run both with the same ones"
    earlier, later = _plan(before).get("plant"), _plan(after).get("plant")
    if earlier != later:
        yield f"another leak was planted ({_named(earlier)} → {_named(later)}): run both with the same --plant, or none"


def _scenarios(report: Report) -> list[str]:
    return sorted({*planned(report), *(one.name for one in report.scenarios)})


def _plan(report: Report) -> Mapping[str, Any]:
    plan = report.environment.get("plan")
    return plan if isinstance(plan, dict) else {}


def _doubts(after: Report) -> Iterator[str]:
    """Why it means nothing that the later report has nothing new."""
    if after.verdict == "inconclusive":
        yield "the later report has no verdict: what is new may not have been looked at"


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
            yield Difference(name, one.get(name, "not known"), other.get(name, "not known"))


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
    """The plant of a run; most have none."""
    return "none" if plant is None else str(plant)


def _text(value: Any) -> str:
    if value is None:
        return "not known"
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
