"""Tells a view where a run is: phase, cycles, time left, curves, findings. Owns no part of the run."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from soak.gauges.counts import time_left, total
from soak.gauges.gauge import gauge_of
from soak.gauges.results import FindingResult, TrafficResult
from soak.run.account import Account
from soak.run.plan import QUICK_BLOCKS, Plan
from soak.view.lines import GaugeCourse, Progress, View

CURVES = ("python.blocks", "heap.bytes", "children.bytes", "rss.bytes")
CURVE_POINTS = 60
RUNNING = "running"
DONE = "done"
"""Phases by name: the one whose length is known, and the last one."""
FIRST_ESTIMATE = 0.05
"""The share of a run that has to be done before the rest can be estimated."""


class Telling:
    """What is told of one run. `round` is the runner's to set."""

    def __init__(self, view: View, plan: Plan, elapsed: Callable[[], float]) -> None:
        self.round = 0
        self._view = view
        self._plan = plan
        self._elapsed = elapsed
        self._phase, self._where = "starting", ""
        self._began: float | None = None

    def enter(self, phase: str, scenario: str = "") -> None:
        """Another phase begins."""
        self._phase, self._where = phase, scenario
        if phase == RUNNING and self._began is None:
            self._began = self._elapsed()

    def say(self, line: str) -> None:
        """A line that stays."""
        self._view.say(line)

    def tell(self, accounts: Sequence[Account], findings: Iterable[FindingResult]) -> None:
        """Where it is now. Cheap."""
        counts = total((account.counts for account in accounts), self.round)
        share = self._share(accounts)
        self._view.update(
            Progress(
                phase=self._phase,
                scenario=self._where,
                counts=counts,
                rounds=self._rounds(),
                rate=counts.cycles / max(sum(account.busy_seconds for account in accounts), 1e-9),
                seconds_left=self._seconds_left(share),
                elapsed=self._elapsed(),
                share=share,
                gauges=tuple(self._curves(accounts)),
                findings=tuple(f"{one.kind} {one.name} ({one.scenario})" for one in findings),
                traffic=sum((account.traffic for account in accounts), TrafficResult()),
            )
        )

    def _curves(self, accounts: Iterable[Account]) -> Iterator[GaugeCourse]:
        shown = (account.course.book.series for account in accounts if account.name == self._where)
        for series in shown:
            for name in CURVES:
                if name in series:
                    values = tuple(value for _, _, value in series[name])[-CURVE_POINTS:]
                    yield GaugeCourse(name, gauge_of(name).unit, values)

    def _rounds(self) -> int | None:
        """How many rounds there will be, if that is known."""
        return QUICK_BLOCKS if self._plan.duration is None and self._plan.cycles is None else None

    def _share(self, accounts: Sequence[Account]) -> float | None:
        """What is done of the judged part, from 0 to 1; None in a phase whose length nobody knows."""
        plan = self._plan
        if self._phase not in (RUNNING, DONE):
            return None
        if plan.duration is not None:
            return min(1.0, self._elapsed() / plan.duration)
        if plan.cycles is None:
            done, wanted = sum(account.counts.blocks for account in accounts), QUICK_BLOCKS
        else:
            done, wanted = sum(min(plan.cycles, one.counts.judged_cycles) for one in accounts), plan.cycles
        return min(1.0, done / (wanted * len(plan.scenarios)))

    def _seconds_left(self, share: float | None) -> float | None:
        """The time until the judged part ends; what is then confirmed or traced takes longer."""
        if share is None or self._phase == DONE or self._began is None:
            return None
        if self._plan.duration is not None:
            left = self._plan.duration - self._elapsed()
            return left if left > 0 else None
        return time_left(share, self._elapsed() - self._began) if FIRST_ESTIMATE < share < 1 else None
