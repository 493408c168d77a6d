"""Runs an investigation: examines each scenario in fresh processes in several ways, and reports the culprits of all.

Decides the order of the examinations, and gives each a folder. However an investigation ends, there is a report of what
was found by then.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from mobifai.errors import MobiFaiError
from profiles.attribution.culprit import find_culprits, ranked
from profiles.attribution.source import insertion_lines, locate
from profiles.evidence import Evidence, is_shared, qualified_gauge
from profiles.investigate.capture import capture
from profiles.investigate.dose import dose_test
from profiles.investigate.native import native_growth
from profiles.investigate.outcome import conclude, finding_outcomes, unjudged
from profiles.investigate.processes import processes_of
from profiles.investigate.request import InvestigationRequest
from profiles.progress import ProgressCallback
from profiles.replay import run_command
from profiles.results import (
    Culprit,
    Overhead,
    ProfileReport,
    ProfileVerdict,
    ScenarioCoverage,
    Unattributed,
    Unjudged,
)
from soak.gauges.gauge import AGENT, process_of
from soak.gauges.results import Product
from soak.harness.identity import product
from soak.harness.pauses import PauseDetector, pause_line, pause_notes
from soak.plants import plant

HEAP = "heap.bytes"

T = TypeVar("T")


@dataclass(frozen=True)
class Examinations:
    """The functions that make the examinations, each in fresh processes. Tests replace them.

    `capture` measures which lines grow, `native` examines the C heap with memray, and `dose` runs the dose test.
    """

    capture: Callable[..., Awaitable[tuple[Evidence, Overhead]]] = capture
    native: Callable[..., Awaitable[Any]] = native_growth
    dose: Callable[..., Awaitable[list[Culprit]]] = dose_test


@dataclass
class Investigation:
    """One investigation.

    `folder` is the directory for the files of the examinations. `environment`, `command` and `started_at` are stated in
    the report. `save` is called with the report so far whenever the report has changed.
    """

    request: InvestigationRequest
    folder: Path
    environment: dict[str, Any]
    command: str
    started_at: str
    report_progress: ProgressCallback
    save: Callable[[ProfileReport], None] = lambda _: None
    examinations: Examinations = Examinations()
    pauses: PauseDetector = field(default_factory=PauseDetector)
    _product: Product = field(default_factory=product)
    _culprits: list[Culprit] = field(default_factory=list)
    _unattributed: list[Unattributed] = field(default_factory=list)
    _notes: list[str] = field(default_factory=list)
    _overhead: Overhead = field(default_factory=Overhead)
    _coverage: list[ScenarioCoverage] = field(default_factory=list)
    """How much was judged of each scenario that is done."""
    _unmeasured: list[tuple[str, str]] = field(default_factory=list)
    """Gauges that this system can't measure, as (scenario, gauge)."""
    _unjudged: list[Unjudged] = field(default_factory=list)
    _why_remaining: str = "it was not examined yet"
    """Why the remaining scenarios are not judged."""
    _verdict: ProfileVerdict | None = None
    """The verdict of a run that ended early, otherwise None."""

    async def run(self) -> ProfileReport:
        """Examine all scenarios and return the report. The report states failure or cancellation; nothing is raised."""
        watching = asyncio.ensure_future(self.pauses.watch(self._report_pause))
        try:
            for number, scenario in enumerate(self.request.plan.scenarios):
                await self._examine_scenario(scenario, self.folder / str(number))
                self._save()
            self._why_remaining = ""
        except asyncio.CancelledError:
            self._verdict, self._why_remaining = "inconclusive", "the run was interrupted before it had finished"
        except Exception as error:
            self._verdict, self._why_remaining = "failed", "the run failed"
            known = isinstance(error, MobiFaiError)
            self._notes.append(f"the run failed: {error}" if known else f"the run failed: {error!r}")
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
        return self.report()

    def _save(self) -> None:
        self.save(msgspec.structs.replace(self.report(), verdict="unfinished"))

    async def _examine_scenario(self, scenario: str, folder: Path) -> None:
        """Examine the processes of a scenario in turn, as long as growth is left that the next may explain."""
        examined: list[str] = []
        counts = (0, 0, 0)
        while (process := self._next_process(scenario, examined)) is not None:
            evidence = await self._examine_process(scenario, process, folder / str(len(examined)))
            examined.append(process)
            counts = (
                counts[0] + evidence.cycles,
                counts[1] + evidence.warm_up_cycles,
                counts[2] + evidence.windows,
            )
            self._drop_explained(scenario)
        self._coverage.append(ScenarioCoverage(scenario, "judged", *counts))

    def _next_process(self, scenario: str, examined: Sequence[str]) -> str | None:
        """Return the process of the scenario to examine next, or None if the scenario is done."""
        if self.request.process is not None:
            return None if examined else self.request.process
        known = processes_of(scenario)
        return next((one for one in self._candidates(scenario, examined) if one in known and one not in examined), None)

    def _candidates(self, scenario: str, examined: Sequence[str]) -> Iterator[str]:
        """Yield the names of processes to examine, the most suspected first.

        Before the first examination, these are the processes in which a leak was planted or found, or else the agent.
        The others are processes whose gauges rise without a culprit.
        """
        request, rising = self.request, [one.name for one in self._unattributed if one.scenario == scenario]
        if not examined:
            found = [one.name for one in request.findings if one.scenario == scenario and not is_shared(one.name)]
            planted: list[str] = [plant(request.plan.plant).process] if request.plan.plant is not None else []
            yield from planted or [process_of(name) for name in found] or [AGENT]
        yield from (process_of(name) for name in rising)
        if any(is_shared(name) for name in rising):
            yield "keeper"

    async def _examine_process(self, scenario: str, process: str, folder: Path) -> Evidence:
        label = scenario if process == AGENT else f"{scenario}, {process}"
        evidence = await self._capture(scenario, process, label, folder / "c")
        self._unmeasured += [(scenario, name) for name in evidence.unmeasured]
        found, unattributed = find_culprits(evidence, locate, insertion_lines, self._replay(scenario))
        if self._needs_memray(unattributed, process):
            evidence = await self._with_native(scenario, evidence, folder / "n")
            found, unattributed = find_culprits(evidence, locate, insertion_lines, self._replay(scenario))
        before, self._culprits = self._culprits, [*self._culprits, *found]
        self._unattributed += unattributed
        if found and self.request.dose:
            self._save()
            self._culprits = [*before, *await self._dosed(label, found, process, folder / "d")]
        return evidence

    async def _capture(self, scenario: str, process: str, label: str, folder: Path) -> Evidence:
        request, report = self.request, self._reporter(label)
        report("examining a fresh agent" if process == AGENT else f"examining the {process} of a fresh run")
        evidence, self._overhead = await self._repeated_after_a_pause(
            folder,
            lambda place: self.examinations.capture(
                scenario, request.plan, place, self.pauses.elapsed, report, request.installation, process
            ),
        )
        return evidence

    async def _dosed(self, label: str, found: Sequence[Culprit], process: str, folder: Path) -> list[Culprit]:
        """Run the dose test for the culprits `found` in a process, and return copies that have its results."""
        request, report = self.request, self._reporter(label)
        return await self._repeated_after_a_pause(
            folder,
            lambda place: self.examinations.dose(found, request.plan, place, report, request.installation, process),
        )

    async def _with_native(self, scenario: str, evidence: Evidence, folder: Path) -> Evidence:
        """Examine the C heap with memray, and return a copy of the evidence with the lines that keep its memory."""
        request, report = self.request, self._reporter(scenario)
        report("examining the C heap with memray, in a fresh agent")
        native = await self._repeated_after_a_pause(
            folder,
            lambda place: self.examinations.native(
                scenario, request.plan, place, report, request.installation, evidence.process
            ),
        )
        self._unjudged += [
            Unjudged(f"which line keeps the C heap in {scenario}", why, scenario) for why in native.notes
        ]
        return msgspec.structs.replace(evidence, native=native.rows)

    def _drop_explained(self, scenario: str) -> None:
        """Drop the unattributed gauges of a scenario that a culprit in any of the scenario's processes explains."""
        explained = {name for one in self._culprits if one.scenario == scenario for name in one.explains}
        own = {one.name: one for one in self._unattributed if one.scenario == scenario and one.name not in explained}
        self._unattributed = [*(one for one in self._unattributed if one.scenario != scenario), *own.values()]

    def _needs_memray(self, unattributed: Iterable[Unattributed], process: str) -> bool:
        if self.request.memray is not None:
            return self.request.memray
        return any(one.name == qualified_gauge(process, HEAP) for one in unattributed)

    async def _repeated_after_a_pause(self, folder: Path, examination: Callable[[Path], Awaitable[T]]) -> T:
        return await self.pauses.repeat(folder, examination, self._report_pause)

    def _report_pause(self, seconds: float) -> None:
        self.report_progress(pause_line(seconds))

    def _reporter(self, label: str) -> ProgressCallback:
        """Return a progress callback that prints each line with `label` before it."""

        def report(line: str) -> None:
            if line:
                self.report_progress(f"{label}: {line}")

        return report

    # -- the report

    @property
    def interrupted(self) -> bool:
        """Whether the investigation was cancelled, such as by a signal."""
        return self._verdict == "inconclusive"

    def report(self) -> ProfileReport:
        """Return the report of everything that was found so far, and of everything that was not judged."""
        request, coverage = self.request, self._all_coverage()
        outcomes = finding_outcomes(request.findings, self._culprits, self._unattributed, coverage, self._unmeasured)
        left = [*unjudged(coverage, self._unmeasured), *self._unjudged, *self._undosed()]
        return ProfileReport(
            verdict=self._verdict or conclude(self._culprits, self._unattributed, left, outcomes),
            mode=request.mode,
            culprits=ranked(self._culprits),
            unattributed=self._unattributed,
            seed=request.plan.seed,
            cycles=sum(one.cycles for one in coverage),
            duration_s=round(self.pauses.elapsed(), 1),
            environment=self.environment,
            command=self.command,
            started_at=self.started_at,
            overhead=self._overhead,
            notes=[*self._notes, *pause_notes(self.pauses)],
            settings=request.settings,
            scenarios=coverage,
            soak_findings=outcomes,
            unjudged=left,
            product=self._product,
        )

    def _undosed(self) -> list[Unjudged]:
        """Return why the dose test did not cover every culprit, as a list with one entry. It is empty if it did."""
        if all(one.scales for one in self._culprits):
            return []
        why = self._why_remaining or "the dose test counts none of the objects that they keep"
        if not self.request.dose:
            why = "--no-dose was given"
        return [Unjudged("what the culprits scale with", why)]

    def _all_coverage(self) -> list[ScenarioCoverage]:
        """Return how much was judged of every requested scenario. Scenarios that are not done are `unjudged`."""
        done = {one.scenario: one for one in self._coverage}
        names = self.request.plan.scenarios
        return [done.get(name) or ScenarioCoverage(name, "unjudged", why=self._why_remaining) for name in names]

    def _replay(self, scenario: str) -> str:
        request = self.request
        plan = replace(request.plan, scenarios=(scenario,))
        return run_command(plan, dose=request.dose, memray=request.memray, process=request.process)
