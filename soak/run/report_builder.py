"""Builds the report of a run from its records, at any time, and merges it with the report before a resume.

Counts nothing. The judgements come from `soak.gauges.trend` and `soak.gauges.verdict`.
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
from soak.provocations.limit_explanations import explained
from soak.run.scenario_record import ScenarioRecord

ALWAYS_SHOWN = ("python.blocks", "heap.bytes", "children.bytes", "rss.bytes", "uncollected")
MOST_PLOTS = 60
"""Most plots of one scenario."""
PLOT_POINTS = 1000
MOST_WINDOW_ROWS = 200

UNFINISHED = "this report was written during the run, which may have been killed"
INTERRUPTED = "the run was interrupted; what was not judged by then is unknown"
PASSING = frozenset({UNFINISHED, INTERRUPTED})
"""Notes that are dropped when a run is resumed."""

KNOWN = frozenset({Trend.FLAT, Trend.RISING, Trend.SUSPECTED})
"""States of gauges whose result is known."""

Judged = TypeVar("Judged", GaugeResult, RestResult)


@dataclass(frozen=True)
class RunInfo:
    """Facts for the report that are known before a run and do not change.

    `planned` are the names of the requested scenarios.
    """

    command: str
    started_at: str
    seed: int
    environment: Mapping[str, Any]
    planned: tuple[str, ...]
    product: Product = field(default_factory=Product)


def compose(
    info: RunInfo,
    records: Iterable[ScenarioRecord],
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
    """Return the current report of a run.

    `findings` are those that belong to no scenario. `earlier` is the report before a resume, which is merged with that
    of this part.
    """
    records = list(records)
    found = ordered([*findings, *(one for record in records for one in record.findings)])
    results = [result for record in records for result in _gauges(record)]
    scenarios = [_scenario(record, results, found) for record in records]
    report = Report(
        verdict=_verdict(conclude(found, results, scenarios, info.planned), interrupted, finished),
        counts=total((scenario.counts for scenario in scenarios), rounds),
        duration_s=round(duration, 1),
        seed=info.seed,
        environment=dict(info.environment),
        bounds=explained(
            bounds_together(part for record in records for part in record.bounds),
            [record.name for record in records],
        ),
        rest=[result for record in records for result in _rest(record, results)],
        gauges=results,
        findings=found,
        traffic=sum((scenario.traffic for scenario in scenarios), TrafficResult()),
        command=info.command,
        started_at=info.started_at,
        interrupted=interrupted,
        finished=finished,
        scenarios=scenarios,
        harness=harness,
        memory=memory[-MOST_WINDOW_ROWS:],
        notes=notes,
        series=[*(series for record in records for series in _series(record)), *harness_series],
        product=info.product,
    )
    return report if earlier is None else _joined(earlier, report, info.planned)


def bare_report(
    info: RunInfo, earlier: Report | None, *, finished: bool, findings: Sequence[FindingResult] = ()
) -> Report:
    """Return the report of a run without cycles: before its first agent starts, or after a failure to start it."""
    return compose(
        info, [], rounds=0, duration=0.0, interrupted=False, finished=finished, findings=[*findings], harness=[],
        harness_series=[], memory=[], notes=[] if finished else [UNFINISHED], earlier=earlier,
    )  # fmt: skip


def _verdict(verdict: SoakVerdict, interrupted: bool, finished: bool) -> SoakVerdict:
    """Return the verdict, changed for an incomplete run. A verdict with findings stays. Otherwise a running run is
    unfinished, and an interrupted run is never `held`.
    """
    if verdict not in ("held", "inconclusive"):
        return verdict
    if not finished:
        return "unfinished"
    return "inconclusive" if interrupted else verdict


def _scenario(record: ScenarioRecord, results: list[GaugeResult], findings: list[FindingResult]) -> ScenarioResult:
    run, phase = record.run, record.phase
    state, reason = scenario_state(record.name, phase, run.blocks, results, findings)
    seconds = round(record.busy_seconds, 1)
    return ScenarioResult(record.name, record.counts, run.blocks, seconds, phase, state, record.traffic, reason)


def _rest(record: ScenarioRecord, results: list[GaugeResult]) -> list[RestResult]:
    run = record.run
    return [] if run.baseline is None else rest(run.baseline, run.newest, results, record.name)


def _gauges(record: ScenarioRecord) -> list[GaugeResult]:
    """Return a result for every gauge. In each process, all types whose number of objects never changed share one
    result.
    """
    moved = {name: one for name, one in record.judgements.items() if not _is_quiet(name, one)}
    blocks = record.run.blocks
    results = gauges(moved, record.confirmation_judgements, record.name, blocks)
    coarsest: dict[str, Judgement] = {}  # bounded by the processes
    for name in record.judgements.keys() - moved.keys():
        types, one = f"{prefix_of(name)}types", record.judgements[name]
        coarsest[types] = max(coarsest.get(types, one), one, key=lambda judgement: judgement.smallest_leak)
    results += [gauge_result(types, coarsest[types], None, record.name, blocks) for types in sorted(coarsest)]
    found = {finding.name for finding in record.findings}
    return [replace(one, state=Trend.RISING, reason="") if one.name in found else one for one in results]


def _is_quiet(name: str, judgement: Judgement) -> bool:
    return family_of(name) == "types" and len({value for _, value in judgement.levels}) <= 1


def _series(record: ScenarioRecord) -> list[SeriesResult]:
    book = record.run.book
    found = {finding.name for finding in record.findings}
    moving = [name for name, series in book.series.items() if len({value for _, _, value in series}) > 1]
    always = (name for name in book.series if bare(name) in ALWAYS_SHOWN)
    names = sorted({*found, *always, *moving} & {*book.series}, key=lambda name: _place(name, found))
    return [_plot(record, name) for name in names[:MOST_PLOTS]]


def _place(name: str, found: set[str]) -> tuple[bool, bool, bool, str]:
    return name not in found, bare(name) not in ALWAYS_SHOWN, gauge_of(name).kind is not GaugeKind.REST, name


def _plot(record: ScenarioRecord, name: str) -> SeriesResult:
    series = record.run.book.series[name].copy()
    series.limit(PLOT_POINTS)
    points = [(round(at, 2), cycle, value) for at, cycle, value in series.measured()]
    return SeriesResult(name, record.name, gauge_of(name).unit, None, points)


def _joined(earlier: Report, report: Report, planned: Iterable[str]) -> Report:
    """Merge the reports of a resumed run. Counts are added, findings are kept, and the latest judgement of each gauge
    counts.
    """
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
        memory=[*earlier.memory, *report.memory][-MOST_WINDOW_ROWS:],
        notes=list(dict.fromkeys([*(note for note in earlier.notes if note not in PASSING), *report.notes])),
        segments=earlier.segments + 1,
        started_at=earlier.started_at,
        command=earlier.command,
    )


def _newest(earlier: list[Judged], now: list[Judged]) -> list[Judged]:
    """Return the later result of each gauge. An unknown result does not replace a known one."""
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
