"""One scenario on both sides: blocks in turns with the same chance, and what is suspected again in fresh processes.

Owns the agents of both sides while it lasts. What a side breaks by itself is told of that side; the other goes on.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field, replace
from math import isnan
from pathlib import Path

import msgspec

from profiles.gate.builder import one_line_error
from profiles.gate.rest_figures import FigureValues, figures_of
from profiles.gate.sides import GateSide
from soak.gauges.gauge import gauge_of
from soak.gauges.results import FindingResult
from soak.gauges.trend import Judgement, judge
from soak.gauges.verdict import breaches
from soak.run.failures import failure
from soak.run.plan import CONFIRMATION_BLOCKS, QUICK_BLOCKS, SoakPlan
from soak.run.scenario_run import ScenarioRun, open_scenario_run

WARM_UP: tuple[int, int] = (7, 7)
"""As many blocks on both sides: both go through the same chance."""
LONGER_WARM_UP: tuple[int, int] = (12, 12)

Points = list[tuple[int, float]]


@dataclass
class Measurement:
    """What one side showed in one pass over a scenario."""

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
        """The gauges that seem to rise."""
        return [name for name, judgement in self.judged.items() if judgement.suspicious]


@dataclass
class ScenarioTrial:
    """What a scenario showed: `first` and, when it is suspected, `again`; looks in the order of the sides."""

    scenario: str
    replay: str
    first: list[Measurement]
    again: list[Measurement] = field(default_factory=list)


async def run_trial(
    scenario: str,
    plan: SoakPlan,
    sides: Sequence[GateSide],
    folder: Path,
    clock: Callable[[], float],
    tell: Callable[[str], None],
    *,
    replay: str,
) -> ScenarioTrial:
    """Try a scenario; the candidate is the last of the sides. What a side does wrong is told, not raised."""
    run = _Pass(scenario, plan, folder / "1", clock, tell, replay)
    found = ScenarioTrial(scenario, replay, await run.looks(sides))
    now = found.first[-1]
    if now.failure is None and (suspected := now.suspected):
        tell(f"{scenario}: {', '.join(suspected[:3])} may rise; looking again in fresh processes")
        rising_too = [one.side for one in found.first[:-1] if {*one.suspected} & {*suspected}]
        confirmation = replace(run, plan=plan.later(1), folder=folder / "2", factor=CONFIRMATION_BLOCKS)
        found.again = await confirmation.looks([*rising_too, now.side])
    return found


async def measure_at_rest_again(
    scenario: str,
    plan: SoakPlan,
    sides: Sequence[GateSide],
    folder: Path,
    clock: Callable[[], float],
    tell: Callable[[str], None],
) -> list[Measurement]:
    """What is at rest once more, in fresh processes with another seed.

    Python's own tables (that of interned strings is 2 MB) get larger at moments that depend on chance.
    """
    tell(f"{scenario}: more is there at rest; looking again in fresh processes")
    return await _Pass(scenario, plan.later(2), folder, clock, tell, blocks=1).looks(sides)


@dataclass(frozen=True)
class _Pass:
    """Warm-up and blocks of one scenario. `factor`: a block has so many times the scenario's cycles."""

    scenario: str
    plan: SoakPlan
    folder: Path
    clock: Callable[[], float]
    tell: Callable[[str], None]
    replay: str = ""
    factor: int = 1
    blocks: int = QUICK_BLOCKS

    async def looks(self, sides: Sequence[GateSide]) -> list[Measurement]:
        """Blocks in turns, as long as the candidate has not failed."""
        async with AsyncExitStack() as scope:
            contenders = [_SideRun(self, side, self.folder / str(number)) for number, side in enumerate(sides)]
            for one in contenders:
                await one.begin(scope)
            for number in range(self.blocks):
                for one in contenders if contenders[-1].stands else ():
                    self.tell(f"{self.scenario}, {one.side.name}: block {number + 1} of {self.blocks}")
                    await one.block()
            return [one.look() for one in contenders]


class _SideRun:
    """One side in one pass."""

    def __init__(self, run: _Pass, side: GateSide, folder: Path) -> None:
        self.side = side
        self._run = run
        self._folder = folder
        self._course: ScenarioRun | None = None
        self._failure: FindingResult | None = None

    @property
    def stands(self) -> bool:
        """Whether it has not failed."""
        return self._failure is None

    async def begin(self, scope: AsyncExitStack) -> None:
        """Start its agent, and warm it up."""
        run = self._run
        run.tell(f"{run.scenario}, {self.side.name}: warming up")
        with self._blamed():
            opened = open_scenario_run(
                run.scenario, run.plan, self._folder, run.clock, run.factor, installation=self.side.installation
            )
            course = self._course = await scope.enter_async_context(opened)
            await course.warm_up(_quiet, LONGER_WARM_UP if run.factor > 1 else WARM_UP)

    async def block(self) -> None:
        """One block, unless it has failed."""
        if self._course is not None and self.stands:
            with self._blamed():
                await self._course.block(_quiet)
                self._course.check_traffic()

    def look(self) -> Measurement:
        """What it showed."""
        course, replay = self._course, self._run.replay
        if course is None or self._failure is not None:
            return Measurement(self.side, failure=self._failure)
        points = {name: course.book.window(name) for name in course.book.series}
        return Measurement(
            self.side,
            judged={name: judge(window, gauge_of(name)) for name, window in points.items()},
            points=points,
            figures=_figures(course),
            breached=breaches(course.entries, self._run.scenario, replay),
            cycles=course.cycles,
            warm_up_cycles=course.warm_up_cycles,
            blocks=course.blocks,
            bounds=len(course.bounds),
            filled=[one.name for one in course.bounds if one.exercised],
            cycles_per_second=course.cycles_per_second,
        )

    @contextmanager
    def _blamed(self) -> Iterator[None]:
        """Write down what fails as this side's failure."""
        try:
            yield
        except Exception as error:
            scenario = self._run.scenario
            found = failure(error, scenario, self._run.replay)
            self._failure = msgspec.structs.replace(found, detail=f"{self.side.name}: {one_line_error(found.detail)}")


def _figures(course: ScenarioRun) -> FigureValues:
    """What is there at rest: the least of all blocks, for what wavers."""
    steady = dict(course.newest)
    for name in ("python.blocks", "heap.bytes"):
        measured = [value for _, value in course.book.window(name) if not isnan(value)]
        if name in steady and measured:
            steady[name] = min(measured)
    return figures_of(steady, "used", f":{course.scenario.name}")


def _quiet(_: str) -> None:
    """Blocks are told of, their cycles are not."""
