"""Makes the report of a run out of its courses, at any moment, and joins it with the report of the run before.

Pure but for the clock that it is given: it counts nothing and judges by `soak.gauges.trend` and `soak.gauges.verdict`
alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from soak.gauges.gauge import GAUGES, Kind, bare, family_of, gauge_of, prefix_of
from soak.gauges.results import (
    BoundResult,
    FindingResult,
    GaugeResult,
    Report,
    RestResult,
    ScenarioResult,
    SeriesResult,
    TrafficResult,
    Verdict,
)
from soak.gauges.trend import Judgement, judge
from soak.gauges.verdict import bounds_together, conclude, gauges, ordered, rest
from soak.provocations.account import explained
from soak.run.scenario_run import Course

ALWAYS_SHOWN = ("python.blocks", "heap.bytes", "children.bytes", "rss.bytes", "uncollected")
MOST_PLOTS = 60
"""Plots of one scenario."""
PLOT_POINTS = 1000
MOST_WINDOWS_TOLD = 200

UNFINISHED = "the run was still going on when this was written, or was killed"
INTERRUPTED = "it was interrupted: what had not been looked at by then is not known"
PASSING = frozenset({UNFINISHED, INTERRUPTED})
"""Notes that are no longer true when a run has gone on."""


@dataclass
class Account:
    """What is known of one scenario beside its course."""

    course: Course
    phase: str = "warm-up"
    first: dict[str, Judgement] = field(default_factory=dict)
    again: dict[str, Judgement] | None = None
    """None: nobody has looked whether what is suspected comes again."""
    findings: list[FindingResult] = field(default_factory=list)
    confirmed: list[list[BoundResult]] = field(default_factory=list)
    """Bounds of processes that a confirmation used."""

    @property
    def name(self) -> str:
        """The scenario's."""
        return self.course.scenario.name

    def judge(self) -> list[str]:
        """Judge all gauges anew; the names that are suspected."""
        book = self.course.book
        self.first = {name: judge(book.window(name), gauge_of(name)) for name in book.series}
        return [name for name, judgement in self.first.items() if judgement.suspicious]


@dataclass(frozen=True)
class Setting:
    """What does not change while a run goes on."""

    command: str
    started_at: str
    seed: int
    environment: Mapping[str, Any]
    planned: tuple[str, ...]


def compose(
    setting: Setting,
    accounts: Iterable[Account],
    *,
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
    scenarios = [_scenario(account) for account in accounts]
    report = Report(
        verdict=_verdict(conclude(found, results, scenarios, setting.planned), interrupted, finished),
        cycles=sum(scenario.cycles for scenario in scenarios),
        duration_s=round(duration, 1),
        seed=setting.seed,
        environment=dict(setting.environment),
        bounds=explained(
            bounds_together(part for account in accounts for part in (account.course.bounds, *account.confirmed)),
            [account.name for account in accounts],
        ),
        rest=[result for account in accounts for result in _rest(account)],
        gauges=results,
        findings=found,
        traffic=_traffic(scenario.traffic for scenario in scenarios),
        command=setting.command,
        started_at=setting.started_at,
        interrupted=interrupted,
        finished=finished,
        scenarios=scenarios,
        harness=harness,
        memory=memory[-MOST_WINDOWS_TOLD:],
        notes=notes,
        series=[*(series for account in accounts for series in _series(account)), *harness_series],
    )
    return report if earlier is None else _joined(earlier, report)


def bare_report(
    setting: Setting, earlier: Report | None, *, finished: bool, findings: Sequence[FindingResult] = ()
) -> Report:
    """The report of a run without any cycle: before its first agent, or of one that failed before."""
    return compose(
        setting, [], duration=0.0, interrupted=False, finished=finished, findings=[*findings], harness=[],
        harness_series=[], memory=[], notes=[] if finished else [UNFINISHED], earlier=earlier,
    )  # fmt: skip


def _verdict(verdict: Verdict, interrupted: bool, finished: bool) -> Verdict:
    """A run that goes on is unfinished, and one that was cut short has not held; what was found stays found."""
    if verdict not in ("held", "inconclusive"):
        return verdict
    if not finished:
        return "unfinished"
    return "inconclusive" if interrupted else verdict


def _scenario(account: Account) -> ScenarioResult:
    course, traffic = account.course, account.course.world.traffic
    return ScenarioResult(
        name=account.name,
        cycles=course.cycles,
        warm_up_cycles=course.warm_up_cycles,
        blocks=course.blocks,
        duration_s=round(course.busy_seconds, 1),
        phase=account.phase,
        traffic=TrafficResult(traffic.bytes_sent, traffic.bytes_received, traffic.lost),
    )


def _traffic(parts: Iterable[TrafficResult]) -> TrafficResult:
    parts = list(parts)
    return TrafficResult(
        sum(part.bytes_sent for part in parts),
        sum(part.bytes_received for part in parts),
        sum(part.lost for part in parts),
    )


def _rest(account: Account) -> list[RestResult]:
    course = account.course
    return [] if course.baseline is None else rest(course.baseline, course.newest, account.name)


def _gauges(account: Account) -> list[GaugeResult]:
    """Every gauge but the types that never moved, which are one line together."""
    moved = {name: one for name, one in account.first.items() if not _is_quiet(name, one)}
    results = gauges(moved, account.again, account.name)
    least: dict[str, float] = {}  # bounded by the processes
    for name in account.first.keys() - moved.keys():
        types = f"{prefix_of(name)}types"
        least[types] = max(least.get(types, 0.0), account.first[name].smallest_leak)
    unit = GAUGES["types"].unit
    return [*results, *(GaugeResult(types, unit, 0.0, "flat", least[types], account.name) for types in sorted(least))]


def _is_quiet(name: str, judgement: Judgement) -> bool:
    return family_of(name) == "types" and len({value for _, value in judgement.levels}) <= 1


def _series(account: Account) -> list[SeriesResult]:
    book = account.course.book
    told = {finding.name for finding in account.findings}
    moving = [name for name, series in book.series.items() if len({value for _, _, value in series}) > 1]
    always = (name for name in book.series if bare(name) in ALWAYS_SHOWN)
    names = sorted({*told, *always, *moving} & {*book.series}, key=lambda name: _place(name, told))
    return [_plot(account, name) for name in names[:MOST_PLOTS]]


def _place(name: str, told: set[str]) -> tuple[bool, bool, bool, str]:
    return name not in told, bare(name) not in ALWAYS_SHOWN, gauge_of(name).kind is not Kind.REST, name


def _plot(account: Account, name: str) -> SeriesResult:
    series = account.course.book.series[name].copy()
    series.limit(PLOT_POINTS)
    points = [(round(at, 2), cycle, value) for at, cycle, value in series.measured()]
    return SeriesResult(name, account.name, gauge_of(name).unit, None, points)


def _joined(earlier: Report, report: Report) -> Report:
    """A run that was resumed: counts add up, findings stay, and the newest judgement of a gauge stands."""
    newest = {(result.scenario, result.name): result for result in report.gauges}
    older = [result for result in earlier.gauges if (result.scenario, result.name) not in newest]
    findings = ordered([*earlier.findings, *(one for one in report.findings if one not in earlier.findings)])
    known = {one.name: one for one in report.scenarios}
    scenarios = [_together(one, known.pop(one.name, None)) for one in earlier.scenarios]
    gauges_ = [*report.gauges, *older]
    scenarios = [*scenarios, *known.values()]
    return msgspec.structs.replace(
        report,
        verdict=_verdict(conclude(findings, gauges_, scenarios, list(known)), report.interrupted, report.finished),
        cycles=sum(one.cycles for one in scenarios),
        duration_s=round(earlier.duration_s + report.duration_s, 1),
        bounds=bounds_together([earlier.bounds, report.bounds]),
        gauges=gauges_,
        findings=findings,
        scenarios=scenarios,
        traffic=_traffic([earlier.traffic, report.traffic]),
        memory=[*earlier.memory, *report.memory][-MOST_WINDOWS_TOLD:],
        notes=list(dict.fromkeys([*(note for note in earlier.notes if note not in PASSING), *report.notes])),
        segments=earlier.segments + 1,
        started_at=earlier.started_at,
        command=earlier.command,
    )


def _together(earlier: ScenarioResult, now: ScenarioResult | None) -> ScenarioResult:
    if now is None:
        return earlier
    return ScenarioResult(
        name=now.name,
        cycles=earlier.cycles + now.cycles,
        warm_up_cycles=earlier.warm_up_cycles + now.warm_up_cycles,
        blocks=max(earlier.blocks, now.blocks),
        duration_s=round(earlier.duration_s + now.duration_s, 1),
        phase=now.phase,
        traffic=_traffic([earlier.traffic, now.traffic]),
    )
