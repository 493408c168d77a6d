"""One scenario against one agent: a warm-up, then blocks of cycles with a sample at rest after each.

Owns the agent under test, its directory, the scenario's context and the series of all gauges. Judges nothing.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from random import Random

from mobifai.errors import StateError
from soak import shell
from soak.duration import number_text
from soak.gauges.counts import CycleCounts, CyclePurpose
from soak.gauges.gauge import AGENT, Sample, bare, gauge_of
from soak.gauges.quiescence import at_rest, everybody_gone, steady_part
from soak.gauges.results import BoundResult
from soak.gauges.time_series import SeriesBook
from soak.gauges.trend import is_even, is_warm
from soak.gauges.verdict import REQUIRED, bounds
from soak.harness.agent_process import AgentUnderTest, agent_under_test
from soak.harness.installation import HERE, Installation
from soak.phone.traffic import IntegrityError
from soak.run.plan import LONGER_WARM_UP, MOST_WARM_UP_BLOCKS, WARM_UP_BLOCKS, SoakPlan
from soak.scenarios import scenario as scenario_class
from soak.scenarios.context import ScenarioContext
from soak.scenarios.scenario import Scenario

GONE_SECONDS = 45.0
"""Seconds to wait until all phones are gone: the longest timeout after which an agent drops a silent phone."""

LEAST_PATIENCE = 0.5
"""Least time to wait for rest, in seconds.

Each wait without success makes the next one shorter, down to this time.
"""

BLAME_SECONDS = 1.0
"""Seconds after a failure during which the harness checks whether the agent has ended."""

CYCLE_SECONDS = 120.0
"""Timeout of one cycle, so that a run never hangs. It is longer than any timeout within the cycle."""


class ScenarioRun:
    """One scenario and its agent. A block has `factor` times as many cycles as the scenario's own block."""

    def __init__(
        self, scenario: Scenario, target: AgentUnderTest, plan: SoakPlan, factor: int, clock: Callable[[], float]
    ):
        self.scenario = scenario
        self.target = target
        self.book = SeriesBook()
        self.cycles = 0
        self.blocks = 0
        self.warm_up_cycles = 0
        self.traced_cycles = 0
        self.warm_up_blocks = 0
        self.busy_seconds = 0.0
        self.judged_seconds = 0.0
        self.bounds: list[BoundResult] = []
        self.entries: list[dict[str, object]] = []
        self.baseline: dict[str, float] | None = None
        self.newest: dict[str, float] = {}
        self.factor = factor
        self._plan = plan
        self._clock = clock
        self._part = CyclePurpose.WARM_UP
        self._patience = plan.rest_seconds
        self._random = Random(f"{plan.seed} {scenario.name}")  # noqa: S311 - must be reproducible
        self.context = ScenarioContext(target, self._random, plan.phones, plan.time_scale)

    @property
    def counts(self) -> CycleCounts:
        """The cycles of each purpose and the judged blocks that this scenario run has completed so far."""
        return CycleCounts(self.cycles, self.warm_up_cycles, traced_cycles=self.traced_cycles, blocks=self.blocks)

    @property
    def cycles_per_second(self) -> float:
        """The judged cycles for each second that was spent on them."""
        return self.cycles / max(self.judged_seconds, 1e-9)

    # -- the parts of a run

    async def warm_up(self, on_progress: Callable[[str], None], blocks: tuple[int, int] | None = None) -> None:
        """Fill the limits, then run blocks until objects and heap stop rising. Raises whatever a cycle raises.

        `blocks` are the least and the most blocks. By default, they are those of a usual warm-up, or of a
        confirmation's if `factor` is not 1.
        """
        await self.target.ask("soak.fill")
        if self._plan.memray:
            await self._trace_empty_window()
        async with self._blaming_a_dead_agent():
            await self._fill_limits()
        levels: dict[str, list[float]] = {}  # bounded by the processes
        usual = (WARM_UP_BLOCKS, MOST_WARM_UP_BLOCKS) if self.factor == 1 else LONGER_WARM_UP
        least, most = blocks or usual
        while self.warm_up_blocks < least or (self.warm_up_blocks < most and not _settled(levels)):
            on_progress(f"warming up, block {self.warm_up_blocks + 1}")
            await self._run_cycles(1, on_progress)
            self.warm_up_blocks += 1
            values = await self._count(None)
            for name, value in values.items():
                if bare(name) in REQUIRED:
                    levels.setdefault(name, []).append(value)
        self._part = CyclePurpose.JUDGED
        await self._sample()
        self.baseline = steady_part(self.newest)

    async def block(self, on_progress: Callable[[str], None]) -> Sample:
        """Run a block of cycles, wait for rest, and return one sample. Raises whatever a cycle raises.

        `on_progress` is called after each cycle.
        """
        await self._run_cycles(self.factor, on_progress)
        self.blocks += 1
        return await self._sample()

    def check_traffic(self) -> None:
        """Raise IntegrityError if any byte was lost, duplicated or reordered."""
        lost = self.context.traffic.lost
        if lost:
            raise IntegrityError(
                f"expected every byte once and in order; found {lost:,} bytes lost, duplicated or reordered", lost
            )

    async def traced(self, file: Path, seconds: float, on_progress: Callable[[str], None]) -> None:
        """Record a memray window to `file`: run blocks for about `seconds`, then wait for rest. These cycles are not
        judged.
        """
        end = time.monotonic() + seconds
        with self._as_part(CyclePurpose.TRACED):
            async with self._memray(file):
                while True:
                    await self._run_cycles(1, on_progress)
                    if time.monotonic() >= end:
                        break

    async def traced_blocks(
        self, file: Path, blocks: int, on_progress: Callable[[str], None], *, native: bool, process: str = AGENT
    ) -> int:
        """Record a memray window of `process` to `file`: run `blocks` blocks, then wait for rest.

        Return the number of cycles. With `native`, the window has the frames of C functions. Raises StateError, and
        whatever a cycle raises.
        """
        before = self.cycles
        async with self._memray(file, native=native, process=process):
            await self._run_cycles(blocks, on_progress)
        return self.cycles - before

    @asynccontextmanager
    async def _memray(self, file: Path, *, native: bool = False, process: str = AGENT) -> AsyncIterator[None]:
        await self.target.ask_in(process, "soak.trace", {"file": str(file), "native": native})
        try:
            yield
            await self._count(None)
        finally:
            await self.target.ask_in(process, "soak.untrace")

    async def _fill_limits(self) -> None:
        with self._busy():
            await self.scenario.setup(self.context)
            await self.scenario.fill(self.context)
            await self.scenario.back(self.context)

    async def _trace_empty_window(self) -> None:
        """Open and close a memray window before anything is counted.

        The first window of a process imports memray and opens a pipe that is never closed.
        """
        file = self.target.folder / "nothing.bin"
        with suppress(StateError):  # memray is not installed
            await self.target.ask("soak.trace", {"file": str(file)})
            await self.target.ask("soak.untrace")
        file.unlink(missing_ok=True)

    # -- one block

    async def _run_cycles(self, times: int, on_progress: Callable[[str], None]) -> None:
        async with self._blaming_a_dead_agent():
            await self._cycle_through(times, on_progress)

    async def _cycle_through(self, times: int, on_progress: Callable[[str], None]) -> None:
        with self._busy():
            for part in range(times):
                await self.scenario.setup(self.context)
                for kind in self.scenario.plan(self._random, part):
                    async with asyncio.timeout(CYCLE_SECONDS):
                        await self.scenario.action(self.context, kind)
                    self._count_one()
                    on_progress("")
                await self.scenario.back(self.context)

    def _count_one(self) -> None:
        match self._part:
            case CyclePurpose.WARM_UP:
                self.warm_up_cycles += 1
            case CyclePurpose.JUDGED:
                self.cycles += 1
            case CyclePurpose.TRACED:
                self.traced_cycles += 1

    @contextmanager
    def _as_part(self, part: CyclePurpose) -> Iterator[None]:
        before, self._part = self._part, part
        try:
            yield
        finally:
            self._part = before

    async def _sample(self) -> Sample:
        values = await self._count(self.baseline)
        sample = Sample(self._clock(), self.cycles, values)
        self.book.add(sample)
        return sample

    async def _count(self, expected: dict[str, float] | None) -> dict[str, float]:
        async with self._blaming_a_dead_agent():
            await everybody_gone(lambda: self.target.ask("status"), GONE_SECONDS)
            values, entries = await at_rest(self.target.values, expected, self._patience)
        back = expected is None or steady_part(values) == expected
        self._patience = self._plan.rest_seconds if back else max(LEAST_PATIENCE, self._patience / 4)
        self.entries = [*entries, *self.context.other_ledgers]
        self.bounds = bounds(self.bounds, self.entries)
        self.newest = values
        return values

    @asynccontextmanager
    async def _blaming_a_dead_agent(self) -> AsyncIterator[None]:
        """If the agent has ended, report a failure in this scope as the agent's end. Raises TargetFailed."""
        try:
            yield
        except Exception:
            await self.target.check_for(BLAME_SECONDS)
            raise

    @contextmanager
    def _busy(self) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            seconds = time.monotonic() - began
            self.busy_seconds += seconds
            self.judged_seconds += seconds if self._part is CyclePurpose.JUDGED else 0.0


def _settled(levels: dict[str, list[float]]) -> bool:
    """Return whether a longer warm-up would change nothing: every gauge is flat, or rises as evenly as a leak."""
    return all(is_warm(values, gauge_of(name)) or is_even(values) for name, values in levels.items())


@asynccontextmanager
async def open_scenario_run(
    name: str,
    plan: SoakPlan,
    folder: Path,
    clock: Callable[[], float],
    factor: int = 1,
    installation: Installation = HERE,
) -> AsyncIterator[ScenarioRun]:
    """Start an agent in an empty folder and yield a scenario run. Raises TargetFailed, StateError."""
    scenario = scenario_class(name)()
    own = folder / "scenario"
    own.mkdir(parents=True)
    settings = folder / "config.toml"
    settings.write_text(scenario.settings())
    options = ["--shell", shell.COMMAND, "--time-scale", number_text(plan.time_scale), *scenario.serve_options(own)]
    async with agent_under_test(
        folder / "agent",
        settings,
        options,
        separate_relay=scenario.relay != "own",
        relay_restarts=scenario.relay == "restarted",
        plant=plan.plant,
        installation=installation,
    ) as target:
        run = ScenarioRun(scenario, target, plan, factor, clock)
        try:
            yield run
        finally:
            for phone in run.context.phones:  # left by an interrupted cycle
                with suppress(Exception):
                    await phone.vanish()
