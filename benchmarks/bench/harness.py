"""Measures the cost of soak's instruments for the agent, and the smallest leak that they find.

In each round the scenario `terminals` runs once, and blocks with and without each instrument take turns.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec

from benchmarks.bench import processes
from benchmarks.bench.results import BenchCell, BenchResults
from soak.run.plan import SoakPlan
from soak.run.scenario_record import ScenarioRecord
from soak.run.scenario_run import ScenarioRun, open_scenario_run

SCENARIO = "terminals"
ROUND_SECONDS = 900.0
LOOKED_AT = ("python.blocks", "heap.bytes")
PLAIN, COUNTED, WINDOW, NATIVE = "plain", "counted", "memray", "memray-native"


class HarnessCounts(msgspec.Struct, frozen=True):
    """The workload of a round.

    After the warm-up, blocks without memray are run, and the smallest detectable leak is read after each of the two
    numbers of blocks in `judged`. Then `turns` times, one block runs without memray, and one with each of memray's two
    kinds of tracing. `warm_up` is passed to `ScenarioRun.warm_up`.
    """

    turns: int
    warm_up: tuple[int, int] | None
    judged: tuple[int, int]


FULL_HARNESS = HarnessCounts(turns=5, warm_up=None, judged=(8, 16))
QUICK_HARNESS = HarnessCounts(turns=1, warm_up=(1, 1), judged=(4, 8))


class Cost(msgspec.Struct, frozen=True):
    """The cost of some cycles: elapsed seconds, the agent's CPU seconds, and the number of the cycles."""

    wall: float = 0.0
    cpu: float = 0.0
    cycles: int = 0

    def plus(self, other: "Cost") -> "Cost":
        """Return the sum of this cost and the other one."""
        return Cost(self.wall + other.wall, self.cpu + other.cpu, self.cycles + other.cycles)


async def measure(number: int, counts: HarnessCounts, folder: Path, results: BenchResults) -> None:
    """Measure round `number` and add its figures to `results`. Raises what the run of a scenario raises."""
    folder.mkdir(parents=True)
    plan = SoakPlan((SCENARIO,), seed=number, time_scale=20.0, memray=True, confirm=False)
    async with open_scenario_run(SCENARIO, plan, folder / "0", time.monotonic) as course:
        await course.warm_up(_silent, counts.warm_up)
        async for cell in _cells(number, course, counts, folder):
            results.add(cell)


async def _cells(number: int, course: ScenarioRun, counts: HarnessCounts, folder: Path) -> AsyncIterator[BenchCell]:
    began = time.monotonic()
    record, short, long = ScenarioRecord(course), *counts.judged
    for blocks in range(1, long + 1):
        await course.block(_silent)
        if blocks in (short, long):
            seconds = time.monotonic() - began
            record.judge()
            for name in LOOKED_AT:
                yield BenchCell(number, f"{blocks} blocks", f"least-{name}", record.judgements[name].smallest_leak)
            yield BenchCell(number, f"{blocks} blocks", "least-seconds", seconds)
    for name, cost in (await _costs(course, counts.turns, folder)).items():
        yield BenchCell(number, name, "cycles", cost.cycles / cost.wall)
        if name != PLAIN:  # its CPU time is that of the counted block, which is the same block
            yield BenchCell(number, name, "cycle-cpu", 1000 * cost.cpu / cost.cycles)


async def _costs(course: ScenarioRun, turns: int, folder: Path) -> dict[str, Cost]:
    costs = dict.fromkeys((PLAIN, COUNTED, WINDOW, NATIVE), Cost())
    for turn in range(turns):
        began = time.monotonic()
        plain = await _cost(course, lambda: course.block(_silent))
        costs[PLAIN] = costs[PLAIN].plus(plain)
        # The same block, with the counting at its end.
        costs[COUNTED] = costs[COUNTED].plus(Cost(time.monotonic() - began, plain.cpu, plain.cycles))
        for name in (WINDOW, NATIVE):
            costs[name] = costs[name].plus(await _traced(course, folder / f"{name}-{turn}.bin", name == NATIVE))
    return costs


async def _traced(course: ScenarioRun, file: Path, native: bool) -> Cost:
    try:
        return await _cost(course, lambda: course.traced_blocks(file, 1, _silent, native=native))
    finally:
        file.unlink(missing_ok=True)


async def _cost(course: ScenarioRun, block: Callable[[], Awaitable[object]]) -> Cost:
    """Run one block by calling `block`, and return its cost. Only time in which phones were active counts."""
    cycles, cpu, busy = course.cycles, _cpu(course), course.busy_seconds
    await block()
    return Cost(course.busy_seconds - busy, _cpu(course) - cpu, course.cycles - cycles)


def _cpu(course: ScenarioRun) -> float:
    return processes.count(course.target.agent_pid).cpu_seconds


def _silent(_text: str) -> None:
    """Ignore a line of progress."""


async def rounds(many: int, counts: HarnessCounts, folder: Path, results: BenchResults) -> None:
    """Measure those of `many` rounds that `results` does not have. A failed round leaves a cell with the reason."""
    for number in range(1, many + 1):
        last = BenchCell(number, NATIVE, "cycle-cpu")
        if results.has(last.key):
            continue
        try:
            async with asyncio.timeout(ROUND_SECONDS):
                await measure(number, counts, folder / f"harness-{number}", results)
        except Exception as error:  # whatever the error is, the other rounds continue, and the page states it
            results.add(msgspec.structs.replace(last, reason=f"{type(error).__name__}: {error}"[:240]))
