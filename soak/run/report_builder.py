"""Makes the report of a run out of its courses, at any moment, and joins it with the report of the run before.

Pure but for the clock that it is given: it counts nothing and judges by `soak.gauges.trend` and `soak.gauges.verdict`
alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from msgspec.structs import replace

from soak.gauges.counts import total
from soak.gauges.gauge import GaugeKind, bare, family_of, gauge_of, prefix_of
from soak.gauges.results import (
    FindingResult,
    GaugeResult,
    Phase,
    Product,
    Report,
    RestResult,
    ScenarioResult,
    SeriesResult,
    SoakVerdict,
    TrafficResult,
)
from soak.gauges.state import Trend
from soak.gauges.trend import Judgement
from soak.gauges.verdict import bounds_together, conclude, gauge_result, gauges, ordered, rest, scenario_state
from soak.provocations.account import explained
from soak.run.account import ScenarioRecord

ALWAYS_SHOWN = ("python.blocks", "heap.bytes", "children.bytes", "rss.bytes", "uncollected")
MOST_PLOTS = 60
"""Plots of one scenario."""
PLOT_POINTS = 1000
MOST_WINDOWS_TOLD = 200

UNFINISHED = "the run was still going on when this was written, or was killed"
INTERRUPTED = "it was interrupted: what had not been looked at by then is not known"
PASSING = frozenset({UNFINISHED, INTERRUPTED})
"""Notes that are no longer true when a run has gone on."""

KNOWN = frozenset({Trend.FLAT, Trend.RISING, Trend.SUSPECTED})
"""States that say something of what was judged."""

Judged = TypeVar("Judged", GaugeResult, RestResult)


@dataclass(frozen=True)
class RunInfo:
    """What does not change while a run goes on."""

    command: str
    started_at: str
    seed: int
    environment: Mapping[str, Any]
    planned: tuple[str, ...]
    product: Product = field(default_factory=Product)


def compose(
    setting: RunInfo,
    accounts: Iterable[ScenarioRecord],
    *,
    rounds: int,
    duration: float,
    interrupted: bool,
    finished: bool,
    findings: list[FindingResult],
    harness: list[GaugeResult],
    harness_series: list[SeriesResult],
    memory: list[dict[str, Any]],
    notes: list[str],
    earlier: Report | None,
) -> Report:
    """The report of now. `findings` are those that belong to no scenario's course; `earlier` is the run before."""
    accounts = list(accounts)
    found = ordered([*findings, *(one for account in accounts for one in account.findings)])
    results = [result for account in accounts for result in _gauges(account)]
    scenarios = [_scenario(account, results, found) for account in accounts]
    report = Report(
        verdict=_verdict(conclude(found, results, scenarios, setting.planned), interrupted, finished),
        counts=total((scenario.counts for scenario in scenarios), rounds),
        duration_s=round(duration, 1),
        seed=setting.seed,
        environment=dict(setting.environment),
        bounds=explained(
            bounds_together(part for account in accounts for part in account.bounds),
            [account.name for account in accounts],
        ),
        rest=[result for account in accounts for result in _rest(account, results)],
        gauges=results,
        findings=found,
        traffic=sum((scenario.traffic for scenario in scenarios), TrafficResult()),
        command=setting.command,
        started_at=setting.started_at,
        interrupted=interrupted,
        finished=finished,
        scenarios=scenarios,
        harness=harness,
        memory=memory[-MOST_WINDOWS_TOLD:],
        notes=notes,
        series=[*(series for account in accounts for series in _series(account)), *harness_series],
        product=setting.product,
    )
    return report if earlier is None else _joined(earlier, report, setting.planned)


def bare_report(
    setting: RunInfo, earlier: Report | None, *, finished: bool, findings: Sequence[FindingResult] = ()
) -> Report:
    """The report of a run without any cycle: before its first agent, or of one that failed before."""
    return compose(
        setting, [], rounds=0, duration=0.0, interrupted=False, finished=finished, findings=[*findings], harness=[],
        harness_series=[], memory=[], notes=[] if finished else [UNFINISHED], earlier=earlier,
    )  # fmt: skip


def _verdict(verdict: SoakVerdict, interrupted: bool, finished: bool) -> SoakVerdict:
    """A run that goes on is unfinished, and one that was cut short has not held; what was found stays found."""
    if verdict not in ("held", "inconclusive"):
        return verdict
    if not finished:
        return "unfinished"
    return "inconclusive" if interrupted else verdict


def _scenario(account: ScenarioRecord, results: list[GaugeResult], findings: list[FindingResult]) -> ScenarioResult:
    course, phase = account.course, account.phase
    state, reason = scenario_state(account.name, phase, course.blocks, results, findings)
    seconds = round(account.busy_seconds, 1)
    return ScenarioResult(account.name, account.counts, course.blocks, seconds, phase, state, account.traffic, reason)


def _rest(account: ScenarioRecord, results: list[GaugeResult]) -> list[RestResult]:
    course = account.course
    return [] if course.baseline is None else rest(course.baseline, course.newest, results, account.name)


def _gauges(account: ScenarioRecord) -> list[GaugeResult]:
    """Every gauge but the types that never moved, which are one line together."""
    moved = {name: one for name, one in account.first.items() if not _is_quiet(name, one)}
    blocks = account.course.blocks
    results = gauges(moved, account.again, account.name, blocks)
    coarsest: dict[str, Judgement] = {}  # bounded by the processes
    for name in account.first.keys() - moved.keys():
        types, one = f"{prefix_of(name)}types", account.first[name]
        coarsest[types] = max(coarsest.get(types, one), one, key=lambda judgement: judgement.smallest_leak)
    results += [gauge_result(types, coarsest[types], None, account.name, blocks) for types in sorted(coarsest)]
    found = {finding.name for finding in account.findings}
    return [replace(one, state=Trend.RISING, reason="") if one.name in found else one for one in results]


def _is_quiet(name: str, judgement: Judgement) -> bool:
    return family_of(name) == "types" and len({value for _, value in judgement.levels}) <= 1


def _series(account: ScenarioRecord) -> list[SeriesResult]:
    book = account.course.book
    told = {finding.name for finding in account.findings}
    moving = [name for name, series in book.series.items() if len({value for _, _, value in series}) > 1]
    always = (name for name in book.series if bare(name) in ALWAYS_SHOWN)
    names = sorted({*told, *always, *moving} & {*book.series}, key=lambda name: _place(name, told))
    return [_plot(account, name) for name in names[:MOST_PLOTS]]


def _place(name: str, told: set[str]) -> tuple[bool, bool, bool, str]:
    return name not in told, bare(name) not in ALWAYS_SHOWN, gauge_of(name).kind is not GaugeKind.REST, name


def _plot(account: ScenarioRecord, name: str) -> SeriesResult:
    series = account.course.book.series[name].copy()
    series.limit(PLOT_POINTS)
    points = [(round(at, 2), cycle, value) for at, cycle, value in series.measured()]
    return SeriesResult(name, account.name, gauge_of(name).unit, None, points)


def _joined(earlier: Report, report: Report, planned: Iterable[str]) -> Report:
    """A run that was resumed: counts add up, findings stay, and the newest judgement of each thing stands."""
    findings = ordered([*earlier.findings, *(one for one in report.findings if one not in earlier.findings)])
    now = {one.name: one for one in report.scenarios}
    gauges_ = _newest(earlier.gauges, report.gauges)
    before = [
        _together(one, now.pop(one.name), gauges_, findings) if one.name in now else one for one in earlier.scenarios
    ]
    scenarios = [*before, *now.values()]
    return replace(
        report,
        verdict=_verdict(conclude(findings, gauges_, scenarios, planned), report.interrupted, report.finished),
        counts=earlier.counts + report.counts,
        duration_s=round(earlier.duration_s + report.duration_s, 1),
        bounds=bounds_together([earlier.bounds, report.bounds]),
        gauges=gauges_,
        rest=_newest(earlier.rest, report.rest),
        findings=findings,
        scenarios=scenarios,
        traffic=earlier.traffic + report.traffic,
        memory=[*earlier.memory, *report.memory][-MOST_WINDOWS_TOLD:],
        notes=list(dict.fromkeys([*(note for note in earlier.notes if note not in PASSING), *report.notes])),
        segments=earlier.segments + 1,
        started_at=earlier.started_at,
        command=earlier.command,
    )


def _newest(earlier: list[Judged], now: list[Judged]) -> list[Judged]:
    """The later of two answers; one that says that nothing is known takes no answer's place."""
    before: dict[tuple[str, str], Judged] = {(one.scenario, one.name): one for one in earlier}
    newer: dict[tuple[str, str], Judged] = {(one.scenario, one.name): one for one in now}
    stand = {key: one for key, one in newer.items() if one.state in KNOWN or before.get(key, one).state not in KNOWN}
    return list({**newer, **before, **stand}.values())


def _together(
    earlier: ScenarioResult, now: ScenarioResult, results: list[GaugeResult], findings: list[FindingResult]
) -> ScenarioResult:
    phase = earlier.phase if now.phase is Phase.WARM_UP else now.phase
    blocks = max(earlier.judged_blocks, now.judged_blocks)
    state, reason = scenario_state(now.name, phase, blocks, results, findings)
    seconds = round(earlier.duration_s + now.duration_s, 1)
    counts, traffic = earlier.counts + now.counts, earlier.traffic + now.traffic
    return ScenarioResult(now.name, counts, blocks, seconds, phase, state, traffic, reason)
