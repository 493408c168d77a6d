"""Runs one scenario on base and candidate: blocks in turns with the same random seed, then perhaps a confirmation.

The confirmation repeats the scenario in fresh processes. Owns the processes of both sides. A failure of a side is
recorded. If the base fails, the candidate continues; if the candidate fails, both end.
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
"""Fewest and most blocks of a warm-up. They are equal, so that both sides make the same random choices."""
LONGER_WARM_UP: tuple[int, int] = (12, 12)

Points = list[tuple[int, float]]
"""Values of a gauge during a run, as (number of cycles so far, value)."""


@dataclass
class Measurement:
    """The results of one side after a scenario: figures at rest and judged gauges, or the failure of the side.

    `judged` and `points` have the judgement and the values of each gauge. `breached` has the exceeded limits, `bounds`
    is the number of limits, and `filled` names those that were filled to their capacity.
    """

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
        """The names of the gauges that seem to rise. A confirmation must show whether they do."""
        return [name for name, judgement in self.judged.items() if judgement.suspicious]


@dataclass
class ScenarioTrial:
    """The measurements of both sides in one scenario.

    `first` is the first run and `again` the confirmation. Each has a measurement for every side that ran, the
    candidate's last. `again` is empty unless a gauge of the candidate seemed to rise in `first`.
    """

    scenario: str
    replay: str
    first: list[Measurement]
    again: list[Measurement] = field(default_factory=list)


@dataclass(frozen=True)
class TrialRunner:
    """Runs scenarios on both sides. The candidate is the last of `sides`.

    `replay` is the command that repeats the run; findings have it. If a scenario fails because the machine or this
    process was paused, the scenario is repeated with fresh processes, and `on_pause` is called with the seconds of the
    pause.
    """

    plan: SoakPlan
    sides: Sequence[GateSide]
    pauses: PauseDetector
    on_pause: Callable[[float], None]
    report_progress: ProgressCallback
    replay: str = ""

    async def run(self, scenario: str, folder: Path) -> ScenarioTrial:
        """Run a scenario on all sides. If a gauge of the candidate seems to rise, run the confirmation too.

        The base takes part in the confirmation only if one of these gauges seems to rise in the base as well. If a side
        fails, its measurement has the failure. `folder` is the directory for the files of the processes.
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
        """Run one block of a scenario in fresh processes, with another seed, to measure the figures at rest once more.

        One measurement is not enough, because Python resizes its own tables at random moments. The table of interned
        strings, for example, takes 2 MB.
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
        """Run `blocks` blocks on all sides in turns, and return a measurement for each side in the order of `sides`.

        If the candidate fails, no further blocks run. A run that fails because of a pause is repeated.
        """
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
    """Runs the blocks of a scenario on one side, and keeps the measured values, or the failure of the side."""

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
        """Start this side's processes and run the warm-up. Raises Paused if that fails because of a pause."""
        with self._recording_failure():
            await self._runner.start(ignore_progress)

    async def block(self, number: int) -> None:
        """Run block `number`, unless this side has failed. Raises Paused if that fails because of a pause."""
        if not self.failed:
            with self._recording_failure():
                await self._runner.blocks(number, ignore_progress)

    def measurement(self) -> Measurement:
        """Return the figures and judgements after the blocks so far, or the failure of this side."""
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
        """Record an exception from this scope as the failure of this side. Only Paused is passed on to the caller."""
        try:
            yield
        except Paused:
            raise
        except Exception as error:
            found = failure(error, self._scenario, self._replay)
            self._failure = msgspec.structs.replace(found, detail=f"{self.side.name}: {one_line_error(found.detail)}")


def _figures(run: ScenarioRun) -> FigureValues:
    """Return the figures at rest after the blocks of a scenario.

    Objects and C heap fluctuate, so their smallest value after any block counts.
    """
    steady = dict(run.newest)
    for name in ("python.blocks", "heap.bytes"):
        measured = [value for _, value in run.book.window(name) if not isnan(value)]
        if name in steady and measured:
            steady[name] = min(measured)
    return figures_of(steady, "used", f":{run.scenario.name}")
