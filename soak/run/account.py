"""What is known of one scenario while a run goes on: its course, its confirmations, and what was made of them."""

from dataclasses import dataclass, field, replace

from soak.gauges.counts import CycleCounts, total
from soak.gauges.gauge import gauge_of
from soak.gauges.results import BoundResult, FindingResult, Phase, TrafficResult
from soak.gauges.trend import Judgement, judge
from soak.run.scenario_run import ScenarioRun


@dataclass
class ScenarioRecord:
    """One scenario. `again` is None until somebody has looked whether what is suspected comes again."""

    course: ScenarioRun
    phase: Phase = Phase.WARM_UP
    first: dict[str, Judgement] = field(default_factory=dict)
    again: dict[str, Judgement] | None = None
    findings: list[FindingResult] = field(default_factory=list)
    second: ScenarioRun | None = None
    """The confirmation that goes on."""
    confirmed: list["ProcessTotals"] = field(default_factory=list)
    before: list["ProcessTotals"] = field(default_factory=list)
    """The processes that pauses have ended: bounded by their number."""

    @property
    def name(self) -> str:
        """The scenario's."""
        return self.course.scenario.name

    @property
    def counts(self) -> CycleCounts:
        """How much ran for this scenario, in all processes so far."""
        first = [self.course.counts, *(one.counts for one in self.before)]
        more = [one.counts.as_confirmation for one in self._confirmations]
        return total([*first, *more], rounds=sum(one.blocks for one in first))

    @property
    def judged_cycles(self) -> int:
        """Cycles after the warm-up, those before a pause too."""
        return self.course.cycles + sum(one.counts.judged_cycles for one in self.before)

    @property
    def traffic(self) -> TrafficResult:
        """Its bytes, in all processes so far."""
        return sum((one.traffic for one in self._others), traffic_of(self.course))

    @property
    def busy_seconds(self) -> float:
        """The time in which cycles were driven, in all processes so far."""
        return self.course.busy_seconds + sum(one.busy_seconds for one in self._others)

    @property
    def bounds(self) -> list[list[BoundResult]]:
        """The limits of each process."""
        return [self.course.bounds, *(one.bounds for one in self._others)]

    def go_on_with(self, course: ScenarioRun) -> None:
        """Take another course after a pause. What the one before did counts; its series end with its processes."""
        before, self.course = process_totals(self.course), course
        lost = TrafficResult(lost=-before.traffic.lost)  # in the cycle that the pause cut short
        self.before.append(replace(before, traffic=before.traffic + lost))
        self.again = None

    def judge(self) -> list[str]:
        """Judge all gauges by what there is now. Return the names that are suspected."""
        book = self.course.book
        self.first = {name: judge(book.window(name), gauge_of(name)) for name in book.series}
        return [name for name, judgement in self.first.items() if judgement.suspicious]

    def end_confirmation(self) -> None:
        """Keep what the confirmation has counted, not its process."""
        if self.second is not None:
            self.confirmed.append(process_totals(self.second))
            self.second = None

    @property
    def _others(self) -> list["ProcessTotals"]:
        return [*self.before, *self._confirmations]

    @property
    def _confirmations(self) -> list["ProcessTotals"]:
        return [*self.confirmed, *([process_totals(self.second)] if self.second else [])]


@dataclass(frozen=True, slots=True)
class ProcessTotals:
    """What one second process has counted."""

    counts: CycleCounts
    traffic: TrafficResult
    busy_seconds: float
    bounds: list[BoundResult]


def process_totals(course: ScenarioRun) -> ProcessTotals:
    """What it has counted so far."""
    return ProcessTotals(course.counts, traffic_of(course), course.busy_seconds, course.bounds)


def traffic_of(course: ScenarioRun) -> TrafficResult:
    """The bytes of one course so far."""
    traffic = course.world.traffic
    return TrafficResult(traffic.bytes_sent, traffic.bytes_received, traffic.lost)
