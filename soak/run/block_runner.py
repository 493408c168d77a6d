"""Runs a scenario in blocks: fresh processes, a warm-up, then blocks of cycles. A confirmation is run in the same way.

Soak has a block runner for each scenario, and the memory gate has one for each of the versions that it compares. A
block runner owns the processes of the current scenario run. It judges nothing; the measured values are in the scenario
run.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from soak.gauges.gauge import Sample
from soak.harness.installation import HERE, Installation
from soak.harness.pauses import PauseDetector
from soak.run.plan import CONFIRMATION_BLOCKS, LONGER_WARM_UP, MOST_WARM_UP_BLOCKS, WARM_UP_BLOCKS, SoakPlan
from soak.run.scenario_run import ScenarioRun, open_scenario_run


def ignore_progress(_: object) -> None:
    """Do nothing. This is the default of callbacks that are called at a pause or at a start."""


class OpenScenarioRun(Protocol):
    """A function that starts the processes of a scenario run, as `open_scenario_run` does."""

    def __call__(
        self,
        name: str,
        plan: SoakPlan,
        folder: Path,
        clock: Callable[[], float],
        factor: int = 1,
        installation: Installation = HERE,
    ) -> AbstractAsyncContextManager[ScenarioRun]:
        """Start the processes of the scenario `name` in the new directory `folder`. Raises TargetFailed, StateError."""


@dataclass(frozen=True, slots=True)
class WarmUp:
    """The fewest and the most blocks of a warm-up: `usual`, and in a confirmation (`confirmation`)."""

    usual: tuple[int, int] = (WARM_UP_BLOCKS, MOST_WARM_UP_BLOCKS)
    confirmation: tuple[int, int] = LONGER_WARM_UP


@dataclass(frozen=True, slots=True)
class BlockPlan:
    """The scenario of a block runner, with its seed and options (`plan`) and the folder of its processes.

    A block has `factor` times as many cycles as the scenario's own block.
    """

    scenario: str
    plan: SoakPlan
    folder: Path
    installation: Installation = HERE
    warm_up: WarmUp = WarmUp()
    factor: int = 1

    def confirmation(self, number: int, folder: Path) -> "BlockPlan":
        """Return the plan of confirmation `number`, with another seed and longer blocks."""
        return replace(self.with_later_seed(number, folder), factor=CONFIRMATION_BLOCKS)

    def with_later_seed(self, number: int, folder: Path) -> "BlockPlan":
        """Return the same plan in another folder, with a seed that is larger by `number`."""
        return replace(self, plan=self.plan.later(number), folder=folder)

    def on(self, installation: Installation, folder: Path) -> "BlockPlan":
        """Return the same plan for another installation of MobiFai, in another folder."""
        return replace(self, installation=installation, folder=folder)

    def folder_of(self, start: int) -> Path:
        """Return the folder for start number `start`, counted from 0. After a pause, the processes start again in a new
        folder.
        """
        return self.folder.with_name(f"{self.folder.name}p{start}") if start else self.folder

    @property
    def warm_up_blocks(self) -> tuple[int, int]:
        """The least and the most blocks of the warm-up of this plan."""
        return self.warm_up.usual if self.factor == 1 else self.warm_up.confirmation


class BlockRunner:
    """Runs the blocks of one plan. Use it as a context manager; its exit ends the processes.

    Call `start` first. Call it again after a method has raised `Paused`: a pause of the harness coincided with a
    failure, which therefore says nothing about the agent. Then fresh processes replace those whose requests timed out.
    """

    def __init__(
        self,
        plan: BlockPlan,
        pauses: PauseDetector,
        on_pause: Callable[[float], None] = ignore_progress,
        open_run: OpenScenarioRun | None = None,
    ) -> None:
        """Create a block runner. `on_pause` is called with the seconds of each pause that interrupted an operation.

        `open_run` starts the processes, by default those of `open_scenario_run`.
        """
        self._plan = plan
        self._pauses = pauses
        self._on_pause = on_pause
        self._open_run = open_run or open_scenario_run
        self._scope = AsyncExitStack()
        self._starts = 0
        self._run: ScenarioRun | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._scope.aclose()

    @property
    def run(self) -> ScenarioRun:
        """The current scenario run. Raises RuntimeError before `start`."""
        if self._run is None:
            raise RuntimeError("expected a block runner that was started; call start() first")
        return self._run

    async def start(
        self, on_progress: Callable[[str], None], on_start: Callable[[ScenarioRun], None] = ignore_progress
    ) -> None:
        """End earlier processes, start fresh processes and warm them up. Raises Paused, and whatever a cycle raises.

        `on_start` is called with the scenario run before its warm-up, and `on_progress` during the warm-up.
        """
        await self._scope.aclose()
        plan, folder = self._plan, self._plan.folder_of(self._starts)
        self._starts += 1
        with self._pauses.guard(self._on_pause):
            opened = self._open_run(
                plan.scenario, plan.plan, folder, self._pauses.elapsed, plan.factor, installation=plan.installation
            )
            self._run = await self._scope.enter_async_context(opened)
            on_start(self._run)
            await self._run.warm_up(on_progress, plan.warm_up_blocks)

    async def block(self, on_progress: Callable[[str], None]) -> Sample:
        """Run a block and return its sample. Call `on_progress` after each cycle.

        Raises Paused, and whatever a cycle raises.
        """
        with self._pauses.guard(self._on_pause):
            return await self.run.block(on_progress)

    async def blocks(
        self, count: int, on_progress: Callable[[str], None], enough: Callable[[ScenarioRun], bool] = lambda _: False
    ) -> None:
        """Run blocks until `count` blocks have run or `enough` returns True. Check the traffic after each block.

        `on_progress` is called after each cycle. Raises Paused, IntegrityError, and whatever a cycle raises.
        """
        while self.run.blocks < count and not enough(self.run):
            with self._pauses.guard(self._on_pause):
                await self.run.block(on_progress)
                self.run.check_traffic()
