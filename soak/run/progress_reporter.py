"""Tells a view where a run is: phase, cycles, time left, curves, findings. Owns no part of the run."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from soak.gauges.gauge import gauge_of
from soak.gauges.results import FindingResult, TrafficResult
from soak.run.plan import QUICK_BLOCKS, Plan
from soak.run.report_builder import Account
from soak.run.scenario_run import Course
from soak.view.lines import GaugeCourse, Progress, View

CURVES = ("python.blocks", "heap.bytes", "children.bytes", "rss.bytes")
CURVE_POINTS = 60
FIRST_ESTIMATE = 0.05
"""The share of a run that has to be done before the rest can be estimated."""


class Telling:
    """What is told of one run. `round` and `second`, the course of a confirmation, are the runner's to set."""

    def __init__(self, view: View, plan: Plan, elapsed: Callable[[], float]) -> None:
        self.round = 0
        self.second: Course | None = None
        self._view = view
        self._plan = plan
        self._elapsed = elapsed
        self._phase, self._where = "starting", ""

    def enter(self, phase: str, scenario: str = "") -> None:
        """Another phase begins."""
        self._phase, self._where = phase, scenario

    def say(self, line: str) -> None:
        """A line that stays."""
        self._view.say(line)

    def tell(self, accounts: Sequence[Account], findings: Iterable[FindingResult]) -> None:
        """Where it is now. Cheap."""
        courses = [account.course for account in accounts] + ([self.second] if self.second else [])
        cycles = sum(course.cycles + course.warm_up_cycles for course in courses)
        share = self._share(accounts)
        self._view.update(
            Progress(
                phase=self._phase,
                scenario=self._where,
                round=self.round,
                cycles=cycles,
                rate=cycles / max(sum(course.busy_seconds for course in courses), 1e-9),
                seconds_left=self._seconds_left(share),
                elapsed=self._elapsed(),
                share=share,
                gauges=tuple(self._curves(accounts)),
                findings=tuple(f"{one.kind} {one.name} ({one.scenario})" for one in findings),
                traffic=_traffic(courses),
            )
        )

    def _curves(self, accounts: Iterable[Account]) -> Iterator[GaugeCourse]:
        shown = (account.course.book.series for account in accounts if account.name == self._where)
        for series in shown:
            for name in CURVES:
                if name in series:
                    values = tuple(value for _, _, value in series[name])[-CURVE_POINTS:]
                    yield GaugeCourse(name, gauge_of(name).unit, values)

    def _share(self, accounts: Sequence[Account]) -> float:
        plan = self._plan
        if plan.duration is not None:
            return min(1.0, self._elapsed() / plan.duration)
        if plan.cycles is not None:
            return min(1.0, sum(account.course.cycles for account in accounts) / (plan.cycles * len(plan.scenarios)))
        return min(1.0, self.round / QUICK_BLOCKS)

    def _seconds_left(self, share: float) -> float | None:
        if self._plan.duration is not None:
            return max(0.0, self._plan.duration - self._elapsed())
        return self._elapsed() * (1 - share) / share if share > FIRST_ESTIMATE else None


def _traffic(courses: Sequence[Course]) -> TrafficResult:
    traffic = [course.world.traffic for course in courses]
    return TrafficResult(
        sum(one.bytes_sent for one in traffic),
        sum(one.bytes_received for one in traffic),
        sum(one.lost for one in traffic),
    )
