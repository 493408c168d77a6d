"""Reports the progress of a run to a view: phase, cycles, time left, curves, findings."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from soak.gauges.counts import time_left, total
from soak.gauges.gauge import gauge_of
from soak.gauges.results import FindingResult, TrafficResult
from soak.report.figures import count
from soak.run.plan import QUICK_BLOCKS, SoakPlan
from soak.run.scenario_record import ScenarioRecord
from soak.run.scenario_run import ScenarioRun
from soak.view.lines import GaugeCurve, Progress, ProgressView

CURVES = ("python.blocks", "heap.bytes", "children.bytes", "rss.bytes")
CURVE_POINTS = 60
RUNNING = "running"
CONFIRMING = "confirming"
DONE = "done"
"""Names of phases: the judged part, the confirmation, and the end."""
FIRST_ESTIMATE = 0.05
"""The time left of a phase is estimated once this share of the phase is done."""


class ProgressReporter:
    """The reporter of one run. The runner sets `round` (the current round) and `rounds_done`."""

    def __init__(self, view: ProgressView, plan: SoakPlan, elapsed: Callable[[], float]) -> None:
        self.round = self.rounds_done = 0
        self._view = view
        self._plan = plan
        self._elapsed = elapsed
        self._phase, self._where = "starting", ""
        self._began: float | None = None
        self._confirming_since: float | None = None

    def enter(self, phase: str, scenario: str = "") -> None:
        """Record that the run enters the phase `phase`, of a scenario if one is given. Later calls of `update` report
        it.
        """
        self._phase, self._where = phase, scenario
        self._confirming_since = None
        if phase == RUNNING and self._began is None:
            self._began = self._elapsed()

    def say(self, line: str) -> None:
        """Print a line that later progress does not overwrite."""
        self._view.say(line)

    def update(self, records: Sequence[ScenarioRecord], findings: Iterable[FindingResult]) -> None:
        """Report the current progress. It is cheap enough to call after every cycle."""
        counts = total((record.counts for record in records), self.rounds_done)
        share = self._share(records)
        self._view.update(
            Progress(
                phase=self._phase,
                scenario=self._where,
                counts=counts,
                step=self._step(records),
                rate=counts.cycles / max(sum(record.busy_seconds for record in records), 1e-9),
                seconds_left=self._seconds_left(share),
                elapsed=self._elapsed(),
                share=share,
                gauges=tuple(self._curves(records)),
                findings=tuple(f"{one.kind} {one.name} ({one.scenario})" for one in findings),
                traffic=sum((record.traffic for record in records), TrafficResult()),
            )
        )

    def _curves(self, records: Iterable[ScenarioRecord]) -> Iterator[GaugeCurve]:
        shown = (record.run.book.series for record in records if record.name == self._where)
        for series in shown:
            for name in CURVES:
                if name in series:
                    values = tuple(value for _, _, value in series[name])[-CURVE_POINTS:]
                    yield GaugeCurve(name, gauge_of(name).unit, values)

    def _step(self, records: Sequence[ScenarioRecord]) -> str:
        """Return the position within the phase: `round 3 of 8`, `block 2 of 8 of the second process`."""
        if self._phase == RUNNING and self.round:
            of = f" of {QUICK_BLOCKS}" if self._plan.duration is None and self._plan.cycles is None else ""
            return f"round {self.round:,}{of}"
        if self._phase == CONFIRMING:
            second = self._second(records)
            if second is None or not second.cycles:
                return "warm-up of the second process"
            return f"block {min(second.blocks + 1, QUICK_BLOCKS)} of {QUICK_BLOCKS} of the second process"
        return count(self.rounds_done, "round") if self._phase == DONE else ""

    def _second(self, records: Sequence[ScenarioRecord]) -> ScenarioRun | None:
        """Return the running confirmation of the current scenario; None if there is none."""
        return next((record.confirming for record in records if record.name == self._where), None)

    def _share(self, records: Sequence[ScenarioRecord]) -> float | None:
        """Return the completed share of the judged part or of a confirmation; None if unknown."""
        if self._phase == CONFIRMING:
            return self._share_confirmed(records)
        plan = self._plan
        if self._phase not in (RUNNING, DONE):
            return None
        if plan.duration is not None:
            return min(1.0, self._elapsed() / plan.duration)
        if plan.cycles is None:
            done, wanted = sum(record.counts.blocks for record in records), QUICK_BLOCKS
        else:
            done, wanted = sum(min(plan.cycles, one.counts.judged_cycles) for one in records), plan.cycles
        return min(1.0, done / (wanted * len(plan.scenarios)))

    def _share_confirmed(self, records: Sequence[ScenarioRecord]) -> float | None:
        second = self._second(records)
        if second is None or not second.cycles:
            return None
        if self._confirming_since is None:
            self._confirming_since = self._elapsed()
        return min(1.0, second.cycles / (QUICK_BLOCKS * second.factor * len(second.scenario.block)))

    def _seconds_left(self, share: float | None) -> float | None:
        """Return the time left of the judged part or of the confirmation. Later confirmations and memray windows are
        not included.
        """
        if self._phase == CONFIRMING:
            return _estimated(share, self._confirming_since, self._elapsed())
        if share is None or self._phase == DONE or self._began is None:
            return None
        if self._plan.duration is not None:
            left = self._plan.duration - self._elapsed()
            return left if left > 0 else None
        return _estimated(share, self._began, self._elapsed())


def _estimated(share: float | None, since: float | None, now: float) -> float | None:
    """Return the estimated time left of a part that began at `since`; None while too little of it is done."""
    known = share is not None and since is not None and FIRST_ESTIMATE < share < 1
    return time_left(share or 0, now - (since or 0)) if known else None
