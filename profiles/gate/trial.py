"""Runs one scenario on both sides: blocks in turns with the same random seed, and a confirmation in fresh processes.

Owns the processes of both sides. If one side fails, its failure is recorded, and the other side continues.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from math import isnan
from pathlib import Path

import msgspec

from profiles.gate.builder import one_line_error
from profiles.gate.rest_figures import FigureValues, figures_of
from profiles.gate.sides import GateSide
from profiles.progress import ProgressCallback
from soak.gauges.gauge import gauge_of
from soak.gauges.results import FindingResult
from soak.gauges.trend import Judgement, judge
from soak.gauges.verdict import breaches
from soak.harness.pauses import Paused, PauseDetector
from soak.run.block_runner import BlockPlan, BlockRunner, WarmUp, ignore_progress
from soak.run.failures import failure
from soak.run.plan import QUICK_BLOCKS, SoakPlan
from soak.run.scenario_run import ScenarioRun

WARM_UP: tuple[int, int] = (7, 7)
"""Blocks of a warm-up. Their number is fixed, so that both sides make the same random choices."""
LONGER_WARM_UP: tuple[int, int] = (12, 12)

Points = list[tuple[int, float]]
"""Values of a gauge, each with the number of cycles before it."""


@dataclass
class Measurement:
    """The figures and the judgements of gauges of one side after one run of a scenario, or its failure."""

    side: GateSide
    judged: dict[str, Judgement] = field(default_factory=dict)
    points: dict[str, Points] = field(default_factory=dict)
    figures: FigureValues = field(default_factory=dict)
    breached: list[FindingResult] = field(default_factory=list)
    cycles: int = 0
    warm_up_cycles: int = 0
    blocks: int = 0
    bounds: int = 0
    filled: list[str] = field(default_factory=list)
    cycles_per_second: float = 0.0
    failure: FindingResult | None = None

    @property
    def suspected(self) -> list[str]:
        """The names of the gauges that seem to rise. A second run has to confirm the rise."""
        return [name for name, judgement in self.judged.items() if judgement.suspicious]


@dataclass
class ScenarioTrial:
    """The measurements of a scenario.

    `again` is empty unless a gauge of the candidate was suspected in `first`. Both have one measurement for each side
    that ran, the candidate's last.
    """

    scenario: str
    replay: str
    first: list[Measurement]
    again: list[Measurement] = field(default_factory=list)


@dataclass(frozen=True)
class TrialRunner:
    """Runs scenarios on both sides. The candidate is the last of `sides`. `replay` is the command that repeats them.

    If the machine or this process pauses during a scenario, the scenario is repeated with fresh processes.
    """

    plan: SoakPlan
    sides: Sequence[GateSide]
    pauses: PauseDetector
    on_pause: Callable[[float], None]
    report_progress: ProgressCallback
    replay: str = ""

    async def run(self, scenario: str, folder: Path) -> ScenarioTrial:
        """Run a scenario on all sides, and again if a gauge of the candidate is suspected of rising.

        If a side fails, its measurement has the failure.
        """
        plan = self._block_plan(scenario, folder / "1")
        found = ScenarioTrial(scenario, self.replay, await self._measure(plan, self.sides))
        candidate = found.first[-1]
        if candidate.failure is None and (suspected := candidate.suspected):
            self.report_progress(f"{scenario}: {', '.join(suspected[:3])} may be rising; confirming in fresh processes")
            rising_too = [one.side for one in found.first[:-1] if {*one.suspected} & {*suspected}]
            confirmation = plan.confirmation(1, folder / "2")
            found.again = await self._measure(confirmation, [*rising_too, candidate.side])
        return found

    async def measure_at_rest_again(self, scenario: str, folder: Path) -> list[Measurement]:
        """Measure the figures at rest once more, in fresh processes with another seed.

        One measurement is not enough, because Python resizes its own tables at random moments (that of interned strings
        takes 2 MB).
        """
        self.report_progress(
            f"{scenario}: the candidate has more memory at rest than the base; measuring again in fresh processes"
        )
        plan = self._block_plan(scenario, folder).with_later_seed(2, folder)
        return await self._measure(plan, self.sides, blocks=1)

    def _block_plan(self, scenario: str, folder: Path) -> BlockPlan:
        return BlockPlan(scenario, self.plan, folder, warm_up=WarmUp(WARM_UP, LONGER_WARM_UP))

    async def _measure(
        self, plan: BlockPlan, sides: Sequence[GateSide], blocks: int = QUICK_BLOCKS
    ) -> list[Measurement]:
        """Run blocks on all sides in turns, and return a measurement for each side. Stop if the candidate fails."""
        return await self.pauses.repeat(
            plan.folder, lambda folder: self._measure_once(plan, sides, folder, blocks), self.on_pause
        )

    async def _measure_once(
        self, plan: BlockPlan, sides: Sequence[GateSide], folder: Path, blocks: int
    ) -> list[Measurement]:
        async with AsyncExitStack() as scope:
            runs = []
            for number, side in enumerate(sides):
                blocks_of_side = plan.on(side.installation, folder / str(number))
                runner = await scope.enter_async_context(BlockRunner(blocks_of_side, self.pauses, self.on_pause))
                runs.append(_SideRun(side, runner, plan.scenario, self.replay))
            for run in runs:
                self.report_progress(f"{plan.scenario}, {run.side.name}: warming up")
                await run.start()
            for number in range(1, blocks + 1):
                for run in runs if not runs[-1].failed else ():
                    self.report_progress(f"{plan.scenario}, {run.side.name}: block {number} of {blocks}")
                    await run.block(number)
            return [run.measurement() for run in runs]


class _SideRun:
    """Runs a scenario's blocks on one side, and keeps what was measured, or the failure of this side."""

    def __init__(self, side: GateSide, runner: BlockRunner, scenario: str, replay: str) -> None:
        self.side = side
        self._runner = runner
        self._scenario = scenario
        self._replay = replay
        self._failure: FindingResult | None = None

    @property
    def failed(self) -> bool:
        """Whether this side has failed."""
        return self._failure is not None

    async def start(self) -> None:
        """Start this side's processes and run the warm-up. Raises Paused."""
        with self._recording_failure():
            await self._runner.start(ignore_progress)

    async def block(self, number: int) -> None:
        """Run block `number`, unless this side has failed. Raises Paused."""
        if not self.failed:
            with self._recording_failure():
                await self._runner.blocks(number, ignore_progress)

    def measurement(self) -> Measurement:
        """Return the figures and judgements of the blocks so far, or this side's failure."""
        if self._failure is not None:
            return Measurement(self.side, failure=self._failure)
        run = self._runner.run
        points = {name: run.book.window(name) for name in run.book.series}
        return Measurement(
            self.side,
            judged={name: judge(window, gauge_of(name)) for name, window in points.items()},
            points=points,
            figures=_figures(run),
            breached=breaches(run.entries, self._scenario, self._replay),
            cycles=run.cycles,
            warm_up_cycles=run.warm_up_cycles,
            blocks=run.blocks,
            bounds=len(run.bounds),
            filled=[one.name for one in run.bounds if one.exercised],
            cycles_per_second=run.cycles_per_second,
        )

    @contextmanager
    def _recording_failure(self) -> Iterator[None]:
        """Record an exception in this scope as the failure of this side. Only Paused is raised."""
        try:
            yield
        except Paused:
            raise
        except Exception as error:
            found = failure(error, self._scenario, self._replay)
            self._failure = msgspec.structs.replace(found, detail=f"{self.side.name}: {one_line_error(found.detail)}")


def _figures(run: ScenarioRun) -> FigureValues:
    """Return the figures at rest after the blocks. Objects and C heap fluctuate, so their smallest values count."""
    steady = dict(run.newest)
    for name in ("python.blocks", "heap.bytes"):
        measured = [value for _, value in run.book.window(name) if not isnan(value)]
        if name in steady and measured:
            steady[name] = min(measured)
    return figures_of(steady, "used", f":{run.scenario.name}")
