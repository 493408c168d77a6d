"""A run's record of one scenario: its processes, its confirmations, and their results."""

from dataclasses import dataclass, field, replace

from soak.gauges.counts import CycleCounts, total
from soak.gauges.gauge import gauge_of
from soak.gauges.results import BoundResult, FindingResult, Phase, TrafficResult
from soak.gauges.trend import Judgement, judge
from soak.run.scenario_run import ScenarioRun


@dataclass
class ScenarioRecord:
    """One scenario of a run: its current processes, its earlier processes and its confirmations.

    `confirmation_judgements` has the judgements of the latest confirmation by gauge. It is empty if no confirmation was
    needed, and None before it is known whether one is needed.
    """

    run: ScenarioRun
    phase: Phase = Phase.WARM_UP
    judgements: dict[str, Judgement] = field(default_factory=dict)
    confirmation_judgements: dict[str, Judgement] | None = None
    findings: list[FindingResult] = field(default_factory=list)
    confirming: ScenarioRun | None = None
    """The confirmation that is running."""
    confirmations: list["ProcessTotals"] = field(default_factory=list)
    earlier_processes: list["ProcessTotals"] = field(default_factory=list)
    """Processes that were replaced after a pause. Their number is bounded by the number of pauses."""

    @property
    def name(self) -> str:
        """The scenario's name."""
        return self.run.scenario.name

    @property
    def counts(self) -> CycleCounts:
        """The cycles and blocks of this scenario, in all processes so far."""
        first = [self.run.counts, *(one.counts for one in self.earlier_processes)]
        more = [one.counts.as_confirmation for one in self._confirmations]
        return total([*first, *more], rounds=sum(one.blocks for one in first))

    @property
    def judged_cycles(self) -> int:
        """The number of cycles after the warm-up, including those before a pause."""
        return self.run.cycles + sum(one.counts.judged_cycles for one in self.earlier_processes)

    @property
    def traffic(self) -> TrafficResult:
        """The bytes typed and printed in this scenario, in all processes so far."""
        return sum((one.traffic for one in self._others), traffic_of(self.run))

    @property
    def busy_seconds(self) -> float:
        """The seconds spent on cycles of this scenario, in all processes so far."""
        return self.run.busy_seconds + sum(one.busy_seconds for one in self._others)

    @property
    def bounds(self) -> list[list[BoundResult]]:
        """The use of limits in each process that has run this scenario, beginning with the current one."""
        return [self.run.bounds, *(one.bounds for one in self._others)]

    def continue_with(self, run: ScenarioRun) -> None:
        """Replace the processes after a pause. The counts of the earlier processes are kept, but not their series."""
        before, self.run = process_totals(self.run), run
        lost = TrafficResult(lost=-before.traffic.lost)  # bytes lost in the interrupted cycle are not the agent's fault
        self.earlier_processes.append(replace(before, traffic=before.traffic + lost))
        self.confirmation_judgements = None

    def judge(self) -> list[str]:
        """Judge all gauges by the samples so far. Return the names of the suspected gauges."""
        book = self.run.book
        self.judgements = {name: judge(book.window(name), gauge_of(name)) for name in book.series}
        return [name for name, judgement in self.judgements.items() if judgement.suspicious]

    def begin_confirmation(self, run: ScenarioRun) -> None:
        """Add the counts of the confirmation `run` to those of this scenario from now on."""
        self.confirming = run

    def end_confirmation(self) -> None:
        """Store the totals of the current confirmation, and drop its scenario run. Do nothing if there is none."""
        if self.confirming is not None:
            self.confirmations.append(process_totals(self.confirming))
            self.confirming = None

    @property
    def _others(self) -> list["ProcessTotals"]:
        return [*self.earlier_processes, *self._confirmations]

    @property
    def _confirmations(self) -> list["ProcessTotals"]:
        return [*self.confirmations, *([process_totals(self.confirming)] if self.confirming else [])]


@dataclass(frozen=True, slots=True)
class ProcessTotals:
    """The totals of one scenario run: of a confirmation, or of one whose processes were replaced."""

    counts: CycleCounts
    traffic: TrafficResult
    busy_seconds: float
    bounds: list[BoundResult]


def process_totals(run: ScenarioRun) -> ProcessTotals:
    """Return the cycles, traffic, time and use of limits of a scenario run so far."""
    return ProcessTotals(run.counts, traffic_of(run), run.busy_seconds, run.bounds)


def traffic_of(run: ScenarioRun) -> TrafficResult:
    """Return the bytes that a scenario run has sent, received and lost so far."""
    traffic = run.context.traffic
    return TrafficResult(traffic.bytes_sent, traffic.bytes_received, traffic.lost)
