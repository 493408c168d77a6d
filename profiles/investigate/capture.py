"""Measures the growth in one scenario with a fresh agent: warm-up, a base snapshot, then windows of one block each.

Owns the scenario run and its agent. Returns the measurements as evidence, and draws no conclusions.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from profiles.attribution.growth import largest, risen_amounts, risen_containers, risen_counts, risen_sites
from profiles.evidence import Evidence, containers_of, leftovers_of, process_gauges, sites_of
from profiles.progress import ProgressCallback
from profiles.results import Overhead
from soak.gauges.gauge import AGENT, Sample
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
CONFIRMING_BLOCKS: Final = 4
"""Number of blocks that follow if a gauge rises. In few blocks, a gauge may rise by chance, so it counts only if it
rises over all of them.
"""
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
        self._windows: list[Sample] = []
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
        counts = await self._rising_counts()
        evidence = await self._conclude({**counts, **rising}, seconds)
        await self._ask("profile.end")
        return evidence, Overhead(seconds, WINDOWS, self._peak)

    async def _conclude(self, rising: dict[str, float], seconds: float) -> Evidence:
        cycles = [window.cycle for window in self._windows]
        histories = await self._ask("profile.histories")
        sites = risen_sites(cycles, histories["sites"])
        containers = risen_containers(cycles, histories["containers"])
        folders = [str(self._run.target.folder / "tmp"), str(self._run.target.state_dir)]
        chosen = {"sites": largest(sites, MOST_EXAMINED), "containers": largest(containers, MOST_EXAMINED)}
        examined = await self._ask("profile.examine", {**chosen, "folders": folders})
        return Evidence(
            scenario=self._run.scenario.name,
            cycles=cycles[-1] - cycles[0],
            seconds=seconds,
            rising=process_gauges(self._process, rising),
            sites=sites_of(sites, histories["sites"], examined["sites"]),
            containers=containers_of(containers, examined["containers"]),
            left=leftovers_of(examined),
            warm_up_cycles=self._run.warm_up_cycles + cycles[0],
            windows=len(cycles) - 1,
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
        tracing, which allocates memory that Python before 3.12.5 does not free. A rise is confirmed.
        """
        samples = await self._blocks(UNTRACED_BLOCKS + 1, "without tracing")
        self._untraced_names = {name for sample in samples for name in sample.values}
        return await self._confirmed(risen_amounts, samples)

    async def _rising_counts(self) -> dict[str, float]:
        """Return the counts that rise although they must return to their earlier value, with their rise per cycle.

        `children.bytes`, the memory of child processes, is included. A rise over the windows is confirmed.
        """
        return await self._confirmed(risen_counts, self._windows)

    async def _confirmed(
        self, risen: Callable[[Sequence[Sample]], dict[str, float]], samples: Sequence[Sample]
    ) -> dict[str, float]:
        """Return the gauges that rise over the samples and also over these and those of CONFIRMING_BLOCKS more blocks.

        `risen` returns the gauges that rise over some samples, with their rise per cycle. Without any, no block runs.
        """
        suspected = risen(samples)
        if not suspected:
            return {}
        samples = [*samples, *await self._blocks(CONFIRMING_BLOCKS, "confirming a rise")]
        return {name: rate for name, rate in risen(samples).items() if name in suspected}

    async def _blocks(self, count: int, purpose: str) -> list[Sample]:
        samples = []
        for number in range(count):
            self._report_progress(f"{purpose}, block {number + 1} of {count}")
            samples.append(await self._run.block(self._report_progress))
        return samples

    async def _window(self) -> None:
        window = await self._ask("profile.window")
        self._peak = int(window["peak_bytes"])
        self._windows.append(Sample(self._clock(), self._run.cycles, dict(self._run.newest)))

    async def _ask(self, question: str, arguments: dict[str, object] | None = None) -> Any:
        return await self._run.target.ask_in(self._process, question, arguments)


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
