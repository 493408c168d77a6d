"""The hunt: each scenario in fresh agents, looked into in one way after the other, and what comes of it together.

Owns the order of the looks and the directory of each. Whatever ends it, there is a report of what was found by then.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from mobifai.errors import MobiFaiError
from profiles.attribution.culprit import find_culprits, ranked
from profiles.attribution.source import insertion_lines, locate
from profiles.evidence import Evidence, is_shared, qualified_gauge
from profiles.investigate.capture import capture
from profiles.investigate.dose import dose_test
from profiles.investigate.native import native_growth
from profiles.investigate.outcome import conclude, finding_outcomes, settings_of, unjudged
from profiles.investigate.processes import processes_of
from profiles.progress import ProgressCallback
from profiles.replay import run_command
from profiles.results import (
    Culprit,
    Overhead,
    ProfileReport,
    ProfileSettings,
    ProfileVerdict,
    ScenarioCoverage,
    Unattributed,
    Unjudged,
)
from soak.gauges.gauge import AGENT, process_of
from soak.gauges.results import FindingResult, Product
from soak.harness.identity import product
from soak.harness.installation import HERE, Installation
from soak.plants import plant
from soak.run.plan import SoakPlan

HEAP = "heap.bytes"


@dataclass(frozen=True)
class InvestigationRequest:
    """What is to be done: scenarios by seed and plant (in `plan`), and which looks.

    `memray`: None when memory of the C heap rises that nothing else explains. `findings` are those of a soak report
    that are to be explained.
    """

    plan: SoakPlan
    dose: bool = True
    memray: bool | None = None
    findings: Sequence[FindingResult] = ()
    mode: str = "run"
    process: str | None = None
    """The process to look into; None: where a leak was planted or found, else the agent, then wherever it rises."""
    installation: Installation = HERE

    @property
    def settings(self) -> ProfileSettings:
        """The same for a report."""
        return settings_of(self.plan, dose=self.dose, memray=self.memray, process=self.process)


@dataclass
class Investigation:
    """One hunt."""

    wanted: InvestigationRequest
    folder: Path
    environment: dict[str, Any]
    command: str
    started_at: str
    tell: ProgressCallback
    save: Callable[[ProfileReport], None] = lambda _: None
    """Called with what is known whenever that has changed."""
    _product: Product = field(default_factory=product)
    _began: float = field(default_factory=time.monotonic)
    _culprits: list[Culprit] = field(default_factory=list)
    _open: list[Unattributed] = field(default_factory=list)
    _notes: list[str] = field(default_factory=list)
    _overhead: Overhead = field(default_factory=Overhead)
    _looked: list[ScenarioCoverage] = field(default_factory=list)
    """Scenarios that are through."""
    _unmeasured: list[tuple[str, str]] = field(default_factory=list)
    """Gauges that this system does not measure, by scenario."""
    _missed: list[Unjudged] = field(default_factory=list)
    _why: str = "it was not looked into yet"
    """Why the scenarios that are left are not judged."""
    _verdict: ProfileVerdict | None = None
    """Set when it has ended without one of its own."""

    async def run(self) -> ProfileReport:
        """Do it all. What fails is told in the report."""
        try:
            for number, scenario in enumerate(self.wanted.plan.scenarios):
                await self._scenario(scenario, self.folder / str(number))
                self._save()
            self._why = ""
        except asyncio.CancelledError:
            self._verdict, self._why = "inconclusive", "the run was interrupted before it was through"
        except Exception as error:
            self._verdict, self._why = "failed", "the run failed"
            named = isinstance(error, MobiFaiError)
            self._notes.append(f"the run failed: {error}" if named else f"the run failed: {error!r}")
        return self.report()

    def _save(self) -> None:
        self.save(msgspec.structs.replace(self.report(), verdict="unfinished"))

    async def _scenario(self, scenario: str, folder: Path) -> None:
        """Look into one process after the other, as long as something rises that may be another's."""
        looked: list[str] = []
        counts = (0, 0, 0)
        while (process := self._next_process(scenario, looked)) is not None:
            evidence = await self._process(scenario, process, folder / str(len(looked)))
            looked.append(process)
            now = evidence.cycles, evidence.warm_up_cycles, evidence.windows
            counts = (counts[0] + now[0], counts[1] + now[1], counts[2] + now[2])
            self._forget_explained(scenario)
        self._looked.append(ScenarioCoverage(scenario, "judged", *counts))

    def _next_process(self, scenario: str, looked: Sequence[str]) -> str | None:
        """The process that is to be looked into next, if there is one."""
        wanted = self.wanted
        if wanted.process is not None:
            return None if looked else wanted.process
        known = processes_of(scenario)
        return next((one for one in self._asked_for(scenario, looked) if one in known and one not in looked), None)

    def _asked_for(self, scenario: str, looked: Sequence[str]) -> Iterator[str]:
        """The processes where something rises, or a leak was planted; the agent where nothing is known."""
        wanted, left = self.wanted, [one.name for one in self._open if one.scenario == scenario]
        if not looked:
            found = [one.name for one in wanted.findings if one.scenario == scenario and not is_shared(one.name)]
            planted: list[str] = [plant(wanted.plan.plant).process] if wanted.plan.plant is not None else []
            yield from planted or [process_of(name) for name in found] or [AGENT]
        yield from (process_of(name) for name in left)
        if any(is_shared(name) for name in left):
            yield "keeper"

    async def _process(self, scenario: str, process: str, folder: Path) -> Evidence:
        wanted = self.wanted
        where = scenario if process == AGENT else f"{scenario}, {process}"
        self._say(
            where, f"looking into the {process} of a fresh run" if process != AGENT else "looking into a fresh agent"
        )
        evidence, self._overhead = await capture(
            scenario,
            wanted.plan,
            folder / "c",
            self._elapsed,
            lambda what: self._say(where, what),
            wanted.installation,
            process,
        )
        self._unmeasured += [(scenario, name) for name in evidence.unmeasured]
        found, open_ = find_culprits(evidence, locate, insertion_lines, self._replay(scenario))
        if self._needs_native(open_, process):
            evidence = await self._with_native(scenario, evidence, folder / "n")
            found, open_ = find_culprits(evidence, locate, insertion_lines, self._replay(scenario))
        before, self._culprits = self._culprits, [*self._culprits, *found]
        self._open += open_
        if found and wanted.dose:
            self._save()
            self._culprits = [*before, *await self._dosed(where, found, folder / "d", process)]
        return evidence

    async def _dosed(self, where: str, found: Sequence[Culprit], folder: Path, process: str) -> list[Culprit]:
        """The culprits, with what each scales with."""
        plan, installation = self.wanted.plan, self.wanted.installation
        return await dose_test(found, plan, folder, lambda what: self._say(where, what), installation, process)

    def _forget_explained(self, scenario: str) -> None:
        """What a process could not explain, and another one could, is explained."""
        explained = {name for one in self._culprits if one.scenario == scenario for name in one.explains}
        mine = {one.name: one for one in self._open if one.scenario == scenario and one.name not in explained}
        self._open = [*(one for one in self._open if one.scenario != scenario), *mine.values()]

    def _needs_native(self, open_: Iterable[Unattributed], process: str) -> bool:
        unexplained = any(one.name == qualified_gauge(process, HEAP) for one in open_)
        return unexplained if self.wanted.memray is None else self.wanted.memray

    async def _with_native(self, scenario: str, evidence: Evidence, folder: Path) -> Evidence:
        self._say(scenario, "looking at the C heap with memray, in a fresh agent")
        wanted = self.wanted
        native = await native_growth(
            scenario,
            wanted.plan,
            folder,
            lambda what: self._say(scenario, what),
            wanted.installation,
            evidence.process,
        )
        self._missed += [Unjudged(f"which line keeps the C heap in {scenario}", why, scenario) for why in native.notes]
        return msgspec.structs.replace(evidence, native=native.rows)

    @property
    def interrupted(self) -> bool:
        """Whether it was cancelled."""
        return self._verdict == "inconclusive"

    def report(self) -> ProfileReport:
        """What is known now."""
        plan, looked = self.wanted.plan, self._scenarios()
        findings = finding_outcomes(self.wanted.findings, self._culprits, self._open, looked, self._unmeasured)
        left = [*unjudged(looked, self._unmeasured), *self._missed, *self._undosed()]
        return ProfileReport(
            verdict=self._verdict or conclude(self._culprits, self._open, left, findings),
            mode=self.wanted.mode,
            culprits=ranked(self._culprits),
            unattributed=self._open,
            seed=plan.seed,
            cycles=sum(one.cycles for one in looked),
            duration_s=round(self._elapsed(), 1),
            environment=self.environment,
            command=self.command,
            started_at=self.started_at,
            overhead=self._overhead,
            notes=self._notes,
            settings=self.wanted.settings,
            scenarios=looked,
            sought=findings,
            unjudged=left,
            product=self._product,
        )

    def _undosed(self) -> list[Unjudged]:
        """Whether it is known what each culprit scales with."""
        missing = [one for one in self._culprits if not one.scales]
        if not missing:
            return []
        why = self._why or "nothing that the dose test counts belongs to them"
        return [
            Unjudged("what the culprits scale with", why if self.wanted.dose else "it was not asked for (--no-dose)")
        ]

    def _scenarios(self) -> list[ScenarioCoverage]:
        """Every scenario that was asked for: those that are through, and those that are not judged."""
        known = {one.scenario: one for one in self._looked}
        return [
            known.get(name) or ScenarioCoverage(name, "unjudged", why=self._why) for name in self.wanted.plan.scenarios
        ]

    def _replay(self, scenario: str) -> str:
        wanted = self.wanted
        return run_command(
            replace(wanted.plan, scenarios=(scenario,)), dose=wanted.dose, memray=wanted.memray, process=wanted.process
        )

    def _elapsed(self) -> float:
        return time.monotonic() - self._began

    def _say(self, scenario: str, what: str) -> None:
        if what:
            self.tell(f"{scenario}: {what}")
