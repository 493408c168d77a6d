"""Watches a running agent without driving it: its limits in every sample, its gauges while no phone is connected.

Changes nothing in the agent and empties no caches. Only garbage is collected before each sample. Each request leaves
some garbage, which would stay in an unused agent and look like a leak.

A gauge that rises in both halves of the watch is a leak. With too few samples at rest, growth is not judged.
"""

import asyncio
from pathlib import Path

from mobifai.cli.control_client import is_set_within
from mobifai.control.client import send_request
from mobifai.errors import StateError
from mobifai.state import StateDir
from soak.gauges import process_stats as outside
from soak.gauges.counts import CycleCounts
from soak.gauges.gauge import GaugeKind, Sample, gauge_of
from soak.gauges.results import (
    ATTACHED,
    BoundResult,
    FindingResult,
    GaugeResult,
    Phase,
    Report,
    ScenarioResult,
    SeriesResult,
    SoakVerdict,
    TrafficResult,
)
from soak.gauges.state import Trend, too_few
from soak.gauges.time_series import SeriesBook
from soak.gauges.trend import Judgement, judge
from soak.gauges.verdict import (
    ENOUGH_BLOCKS,
    ENOUGH_LOOKS,
    REQUIRED,
    bounds,
    breaches,
    gauges,
    leaks,
    ordered,
    rest,
    scenario_state,
)
from soak.harness.pauses import PauseDetector
from soak.report.figures import duration
from soak.report.writer import ReportWriter
from soak.run.plan import WATCH_SECONDS
from soak.run.replay import watch_command
from soak.run.report_builder import RunInfo
from soak.view.lines import GaugeCurve, Progress, ProgressView

LOOKS = 40
"""Number of samples over the whole watch: enough to judge each of its halves."""
LEAST_PAUSE = 1.0
MOST_NOTES = 20
LOOKS_FOR = {GaugeKind.REST: 3, GaugeKind.GROWTH: ENOUGH_LOOKS, GaugeKind.BUDGET: ENOUGH_LOOKS}
"""For each kind of gauge, the number of samples at rest that are needed to judge both halves of the watch."""


class Watch:
    """Watches the agent of one state directory for `seconds`, by default WATCH_SECONDS."""

    def __init__(self, state_dir: Path, seconds: float | None, info: RunInfo, shown: ProgressView) -> None:
        self._socket = StateDir(state_dir).control_socket
        self._state_dir = state_dir
        self._seconds = seconds or WATCH_SECONDS
        self._replay = watch_command(state_dir, self._seconds)
        self._info = info
        self._shown = shown
        self._pauses = PauseDetector()
        self._book = SeriesBook()
        self._bounds: list[BoundResult] = []
        self._findings: dict[str, FindingResult] = {}
        self._samples = self._rests = 0
        self._first: dict[str, float] = {}
        self._last: dict[str, float] = {}
        self._pid: int | None = None
        self._notes: list[str] = []

    async def run(self, stop: asyncio.Event, writer: ReportWriter) -> Report:
        """Take samples until the time is up or `stop` is set, then write and return the report. Raises StateError if no
        agent is running at the start.
        """
        pauses = asyncio.ensure_future(self._pauses.watch(self._note_pause))
        try:
            report = await self._watch(stop, writer)
        finally:
            pauses.cancel()
        writer.write(report)
        return report

    def _note_pause(self, missed: float) -> None:
        note = f"the watch paused for {duration(missed)}, which is not part of its duration"
        self._shown.say(note)
        self._notes = [*self._notes, note][-MOST_NOTES:]

    async def _watch(self, stop: asyncio.Event, writer: ReportWriter) -> Report:
        while True:
            before = self._pauses.count
            try:
                sample = await self._take_sample()
            except StateError as error:
                if missed := self._pauses.check():
                    self._note_pause(missed)
                if self._pauses.count > before:
                    continue
                if not self._samples:
                    raise
                self._notes.append(f"the agent stopped answering: {error}")
                return self._report(interrupted=True)
            writer.append_samples(ATTACHED, [sample] if sample else [])
            writer.write(self._report(interrupted=False, finished=False))
            self._tell(sample)
            if self._elapsed() >= self._seconds:
                return self._report(interrupted=False)
            if await is_set_within(stop, max(LEAST_PAUSE, self._seconds / LOOKS)):
                self._notes.append("the watch was interrupted")
                return self._report(interrupted=True)

    async def _take_sample(self) -> Sample | None:
        """Check the limits. Return a sample if no phone is connected, otherwise None."""
        counted = await send_request(self._socket, "soak.sample", {"disturb": False, "collect": True})
        status = await send_request(self._socket, "status")
        if self._pid not in (None, counted["pid"]):
            self._notes.append("the agent restarted; its gauges are judged from then on")
            self._book, self._rests, self._first = SeriesBook(), 0, {}
        self._pid = int(counted["pid"])
        self._samples += 1
        self._bounds = bounds(self._bounds, counted["bounds"])
        for finding in breaches(counted["bounds"], ATTACHED, self._replay):
            self._findings[finding.name] = finding
        if status["phone"] is not None:
            return None
        values = {
            **counted["values"],
            **outside.process_values(self._pid, "agent"),
            **outside.budgets(self._pid),
            **outside.disk_values({"state": self._state_dir}),
        }
        self._first = self._first or values
        self._last = values
        sample = Sample(self._elapsed(), self._rests, values)
        self._book.add(sample)
        self._rests += 1
        return sample

    def _elapsed(self) -> float:
        return self._pauses.elapsed()

    def _tell(self, sample: Sample | None) -> None:
        names = ("python.blocks", "heap.bytes", "rss.bytes")
        curves = [
            GaugeCurve(name, gauge_of(name).unit, tuple(value for _, _, value in self._book.series[name])[-60:])
            for name in names
            if name in self._book.series
        ]
        self._shown.update(
            Progress(
                phase="watching" if sample else "watching (a phone is connected)",
                scenario="",
                counts=self._counts(),
                rate=self._rests / max(self._elapsed(), 1e-9),
                cycle="sample",
                seconds_left=self._seconds - self._elapsed(),
                elapsed=self._elapsed(),
                share=min(1.0, self._elapsed() / self._seconds),
                gauges=tuple(curves),
                findings=tuple(f"{one.kind} {one.name}" for one in self._findings.values()),
            )
        )

    # -- judging

    def _windows(self) -> tuple[dict[str, Judgement], dict[str, Judgement]]:
        """Return the judgements of each gauge in the first and in the second half of the watch."""
        middle = self._rests // 2
        first, second = {}, {}
        for name in self._book.series:
            window = self._book.window(name)
            first[name] = self._judged(name, [point for point in window if point[0] <= middle])
            second[name] = self._judged(name, [point for point in window if point[0] >= middle])
        return first, second

    def _judged(self, name: str, points: list[tuple[int, float]]) -> Judgement:
        """Return the judgement of the gauge `name` in one half of the watch, of which `points` are the values.

        If the watch has too few samples at rest, the gauge is unjudged, and the reason says how many are needed.
        """
        gauge = gauge_of(name)
        judgement, needed = judge(points, gauge), LOOKS_FOR[gauge.kind]
        if gauge.kind is GaugeKind.BUDGET or self._rests >= needed:
            return judgement
        return Judgement(Trend.UNJUDGED, gauge, reason=too_few(self._rests, needed, "sample"))

    def _report(self, *, interrupted: bool, finished: bool = True) -> Report:
        first, second = self._windows()
        rate = self._rests / max(self._elapsed(), 1e-9)
        risen = leaks(first, second, cycles_per_second=rate, scenario=ATTACHED, replay=self._replay)
        found = ordered([*self._findings.values(), *risen])
        results = gauges(first, second, ATTACHED) if self._rests else _never_at_rest()
        notes = [
            f"only samples taken while no phone was connected count: {self._rests} of {self._samples}",
            *self._notes,
        ]
        return Report(
            verdict=_verdict(found, results, interrupted) if finished or found else "unfinished",
            counts=self._counts(),
            duration_s=round(self._elapsed(), 1),
            seed=self._info.seed,
            environment=dict(self._info.environment),
            bounds=self._bounds,
            rest=rest(self._first, self._last, results, ATTACHED),
            gauges=results,
            findings=found,
            traffic=TrafficResult(),
            command=self._info.command,
            started_at=self._info.started_at,
            interrupted=interrupted,
            finished=finished,
            scenarios=[self._scenario(results, found)],
            notes=notes,
            series=self._series(),
            product=self._info.product,
        )

    def _counts(self) -> CycleCounts:
        """Count a sample at rest as a cycle and a block, and any other sample only as a round."""
        return CycleCounts(self._rests, blocks=self._rests, rounds=self._samples)

    def _scenario(self, results: list[GaugeResult], found: list[FindingResult]) -> ScenarioResult:
        state, reason = scenario_state(ATTACHED, Phase.JUDGED, ENOUGH_BLOCKS, results, found)
        seconds = round(self._elapsed(), 1)
        return ScenarioResult(
            ATTACHED, self._counts(), self._rests, seconds, Phase.JUDGED, state, TrafficResult(), reason
        )

    def _series(self) -> list[SeriesResult]:
        moving = [name for name, one in self._book.series.items() if len({value for _, _, value in one}) > 1]
        return [
            SeriesResult(name, ATTACHED, gauge_of(name).unit, None, self._book.series[name].measured())
            for name in sorted(moving)[:60]
        ]


def _never_at_rest() -> list[GaugeResult]:
    """Return the required gauges as unjudged, because a phone was connected all the time."""
    reason = too_few(0, ENOUGH_LOOKS, "sample")
    return [GaugeResult(name, gauge_of(name).unit, None, Trend.UNJUDGED, None, ATTACHED, reason) for name in REQUIRED]


def _verdict(found: list[FindingResult], results: list[GaugeResult], interrupted: bool) -> SoakVerdict:
    if any(finding.kind == "bound" for finding in found):
        return "breach"
    if found:
        return "leak"
    judged = all(one.state is Trend.FLAT for one in results if one.name in REQUIRED)
    suspected = any(one.state is Trend.SUSPECTED for one in results)
    return "inconclusive" if interrupted or suspected or not judged else "held"
