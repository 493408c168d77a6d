"""Measures the growth in one scenario with a fresh agent: warm-up, a base snapshot, then windows of one block each.

Owns the scenario run and its agent. Returns the measurements as evidence, and draws no conclusions.
"""

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
"""Number of blocks that run under tracing before the base snapshot.

During these blocks, bounded caches replace contents that were allocated before the tracing.
"""
WINDOWS: Final = 6
WARM_UP_BLOCKS: Final = (2, 4)
"""Fewest and most blocks of the warm-up before any measurement."""
MOST_EXAMINED: Final = 40


class Capture:
    """Collects the evidence about one process of a scenario run: which gauges, lines and containers grow."""

    def __init__(
        self, run: ScenarioRun, clock: Callable[[], float], report_progress: ProgressCallback, process: str = AGENT
    ) -> None:
        self._run = run
        self._clock = clock
        self._process = process
        self._report_progress = report_progress
        self._cycles: list[int] = []
        self._values: list[dict[str, float]] = []
        self._peak = 0
        self._untraced_names: set[str] = set()

    async def take(self) -> tuple[Evidence, Overhead]:
        """Warm up, run all windows, and return the evidence and the cost of the examination.

        Raises StateError if a process refuses a request, and the exceptions of the scenario's cycles.
        """
        run, report = self._run, self._report_progress
        await run.warm_up(report, WARM_UP_BLOCKS)
        await self._rehearse()
        rising = await self._rises_without_tracing()
        await self._ask("profile.begin")
        for number in range(LEAD_BLOCKS):
            report(f"tracing, block {number + 1}")
            await run.block(report)
        await self._window()
        began = self._clock()
        for number in range(WINDOWS):
            report(f"window {number + 1} of {WINDOWS}")
            await run.block(report)
            await self._window()
        seconds = self._clock() - began
        evidence = await self._conclude({**self._rising_counts(), **rising}, seconds)
        await self._ask("profile.end")
        return evidence, Overhead(seconds, WINDOWS, self._peak)

    async def _conclude(self, rising: dict[str, float], seconds: float) -> Evidence:
        histories = await self._ask("profile.histories")
        sites = risen_sites(self._cycles, histories["sites"])
        containers = risen_containers(self._cycles, histories["containers"])
        folders = [str(self._run.target.folder / "tmp"), str(self._run.target.state_dir)]
        chosen = {"sites": largest(sites, MOST_EXAMINED), "containers": largest(containers, MOST_EXAMINED)}
        examined = await self._ask("profile.examine", {**chosen, "folders": folders})
        return Evidence(
            scenario=self._run.scenario.name,
            cycles=self._cycles[-1] - self._cycles[0],
            seconds=seconds,
            rising=process_gauges(self._process, rising),
            sites=sites_of(sites, histories["sites"], examined["sites"]),
            containers=containers_of(containers, examined["containers"]),
            left=leftovers_of(examined),
            warm_up_cycles=self._run.warm_up_cycles + self._cycles[0],
            windows=len(self._cycles) - 1,
            unmeasured=[name for name in self._required() if name not in self._untraced_names],
            process=self._process,
        )

    def _required(self) -> list[str]:
        return [name if self._process == AGENT else f"{self._process}/{name}" for name in REQUIRED]

    async def _rehearse(self) -> None:
        """Send each tracing request once, so that imports and allocations of its first use do not look like growth."""
        for question in ("profile.begin", "profile.window", "profile.histories"):
            await self._ask(question)
        await self._ask("profile.examine", {"sites": [], "containers": [], "folders": []})
        await self._ask("profile.end")

    async def _rises_without_tracing(self) -> dict[str, float]:
        """Run some blocks without tracing, and return the gauges that rise, with their rise per cycle.

        Only gauges of amounts count here, such as objects and bytes. In traced blocks they would rise because of the
        tracing, which allocates memory that Python before 3.12.5 does not free.
        """
        cycles, values = [], []
        for number in range(UNTRACED_BLOCKS + 1):
            self._report_progress(f"block {number} without tracing")
            values.append((await self._run.block(self._report_progress)).values)
            cycles.append(self._run.cycles)
        found = {}
        self._untraced_names = {name for one in values for name in one}
        for name in sorted(self._untraced_names):
            if gauge_of(name).kind is GaugeKind.GROWTH:
                risen = rise(cycles, [one.get(name, 0.0) for one in values], gauge_of(name))
                if risen is not None:
                    found[name] = risen.per_cycle
        return found

    async def _window(self) -> None:
        window = await self._ask("profile.window")
        self._peak = int(window["peak_bytes"])
        self._cycles.append(self._run.cycles)
        self._values.append(dict(self._run.newest))

    async def _ask(self, question: str, arguments: dict[str, object] | None = None) -> Any:
        return await self._run.target.ask_in(self._process, question, arguments)

    def _rising_counts(self) -> dict[str, float]:
        """Return the counts that rise although they must return to their earlier value, with their rise per cycle.

        `children.bytes`, the memory of child processes, is included.
        """
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
    report_progress: ProgressCallback,
    installation: Installation = HERE,
    process: str = AGENT,
) -> tuple[Evidence, Overhead]:
    """Run a scenario with a fresh agent, and return the evidence about one process and the cost of the examination.

    `clock` returns seconds. Raises TargetFailed, StateError, and the exceptions of the scenario's cycles.
    """
    async with open_scenario_run(scenario, plan, folder, clock, installation=installation) as run:
        return await Capture(run, clock, report_progress, process).take()
