"""One scenario in a fresh agent, looked into: warm-up, a base, then windows of a block each; the evidence at the end.

Owns the course and its agent. It draws no conclusion.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from profiles.attribution.growth import COUNT, largest, rise, risen_containers, risen_sites
from profiles.evidence import Evidence, containers_of, leftovers_of, process_gauges, sites_of
from profiles.progress import ProgressCallback
from profiles.results import Overhead
from soak.gauges.gauge import AGENT, GAUGES, GaugeKind, gauge_of
from soak.gauges.verdict import REQUIRED
from soak.harness.installation import HERE, Installation
from soak.run.plan import SoakPlan
from soak.run.scenario_run import ScenarioRun, open_scenario_run

UNTRACED_BLOCKS: Final = 4
LEAD_BLOCKS: Final = 2
"""Blocks under tracing before the base: what is in bounded caches by then has been traced."""
WINDOWS: Final = 6
WARM_UP_BLOCKS: Final = (2, 4)
"""The least and the most: the blocks under tracing are a warm-up too."""
MOST_EXAMINED: Final = 40


class Capture:
    """What is seen of one course."""

    def __init__(self, course: ScenarioRun, tell: ProgressCallback, process: str = AGENT) -> None:
        self._course = course
        self._process = process
        self._tell = tell
        self._cycles: list[int] = []
        self._values: list[dict[str, float]] = []
        self._peak = 0
        self._untraced_names: set[str] = set()

    async def take(self) -> tuple[Evidence, Overhead]:
        """Warm up, look, and compare. Raises what cycles raise, StateError."""
        course = self._course
        await course.warm_up(self._tell, WARM_UP_BLOCKS)
        await self._rehearse()
        rising = await self._untraced()
        await self._ask("profile.begin")
        for number in range(LEAD_BLOCKS):
            self._tell(f"tracing, block {number + 1}")
            await course.block(self._tell)
        await self._window()
        began = time.monotonic()
        for number in range(WINDOWS):
            self._tell(f"window {number + 1} of {WINDOWS}")
            await course.block(self._tell)
            await self._window()
        seconds = time.monotonic() - began
        evidence = await self._conclude({**self._rising_counts(), **rising}, seconds)
        await self._ask("profile.end")
        return evidence, Overhead(seconds, WINDOWS, self._peak)

    async def _conclude(self, rising: dict[str, float], seconds: float) -> Evidence:
        told = await self._ask("profile.courses")
        sites = risen_sites(self._cycles, told["sites"])
        containers = risen_containers(self._cycles, told["containers"])
        folders = [str(self._course.target.folder / "tmp"), str(self._course.target.state_dir)]
        chosen = {"sites": largest(sites, MOST_EXAMINED), "containers": largest(containers, MOST_EXAMINED)}
        examined = await self._ask("profile.examine", {**chosen, "folders": folders})
        return Evidence(
            scenario=self._course.scenario.name,
            cycles=self._cycles[-1] - self._cycles[0],
            seconds=seconds,
            rising=process_gauges(self._process, rising),
            sites=sites_of(sites, told["sites"], examined["sites"]),
            containers=containers_of(containers, examined["containers"]),
            left=leftovers_of(examined),
            warm_up_cycles=self._course.warm_up_cycles + self._cycles[0],
            windows=len(self._cycles) - 1,
            unmeasured=[name for name in self._required() if name not in self._untraced_names],
            process=self._process,
        )

    def _required(self) -> list[str]:
        return [name if self._process == AGENT else f"{self._process}/{name}" for name in REQUIRED]

    async def _rehearse(self) -> None:
        """Have everything loaded and made that tracing needs, so that it is not taken for growth."""
        for question in ("profile.begin", "profile.window", "profile.courses"):
            await self._ask(question)
        await self._ask("profile.examine", {"sites": [], "containers": [], "folders": []})
        await self._ask("profile.end")

    async def _untraced(self) -> dict[str, float]:
        """The amounts that rise while nothing traces: tracing takes memory, and Python before 3.12.5 keeps it."""
        cycles, values = [], []
        for number in range(UNTRACED_BLOCKS + 1):
            self._tell(f"block {number} without tracing")
            values.append((await self._course.block(self._tell)).values)
            cycles.append(self._course.cycles)
        found = {}
        self._untraced_names = {name for one in values for name in one}
        for name in sorted(self._untraced_names):
            if gauge_of(name).kind is GaugeKind.GROWTH:
                risen = rise(cycles, [one.get(name, 0.0) for one in values], gauge_of(name))
                if risen is not None:
                    found[name] = risen.per_cycle
        return found

    async def _window(self) -> None:
        told = await self._ask("profile.window")
        self._peak = int(told["peak_bytes"])
        self._cycles.append(self._course.cycles)
        self._values.append(dict(self._course.newest))

    async def _ask(self, question: str, arguments: dict[str, object] | None = None) -> Any:
        return await self._course.target.ask_in(self._process, question, arguments)

    # -- what rose

    def _rising_counts(self) -> dict[str, float]:
        """What must come back to what it was, and does not."""
        names = {name for values in self._values for name in values if gauge_of(name).kind is GaugeKind.REST}
        found = {}
        for name in sorted(names | {"children.bytes"}):
            gauge = COUNT if gauge_of(name).kind is GaugeKind.REST else GAUGES[name]
            risen = rise(self._cycles, [values.get(name, 0) for values in self._values], gauge)
            if risen is not None:
                found[name] = risen.per_cycle
        return found


async def capture(
    scenario: str,
    plan: SoakPlan,
    folder: Path,
    clock: Callable[[], float],
    tell: ProgressCallback,
    installation: Installation = HERE,
    process: str = AGENT,
) -> tuple[Evidence, Overhead]:
    """Look into a process of a fresh agent under one scenario. Raises TargetFailed, StateError, what cycles raise."""
    async with open_scenario_run(scenario, plan, folder, clock, installation=installation) as course:
        return await Capture(course, tell, process).take()
