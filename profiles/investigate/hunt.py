"""The hunt: each scenario in fresh agents, looked into in one way after the other, and what comes of it together.

Owns the order of the looks and the directory of each. Whatever ends it, there is a report of what was found by then.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from mobifai.errors import MobiFaiError
from profiles.attribution.culprit import culprits, ranked
from profiles.attribution.source import adding, place
from profiles.evidence import Evidence
from profiles.investigate.capture import capture
from profiles.investigate.dose import dose_test
from profiles.investigate.native import native_growth
from profiles.investigate.outcome import conclude, settings_of, sought, unjudged
from profiles.replay import run_command
from profiles.results import Culprit, Looked, Overhead, ProfileReport, Settings, Unattributed, Unjudged, Verdict
from soak.gauges.results import FindingResult, Product
from soak.harness.identity import product
from soak.harness.installation import HERE, Installation
from soak.run.plan import Plan

Tell = Callable[[str], None]

HEAP = "heap.bytes"


@dataclass(frozen=True)
class Wanted:
    """What is to be done: scenarios by seed and plant (in `plan`), and which looks.

    `memray`: None when memory of the C heap rises that nothing else explains. `findings` are those of a soak report
    that are to be explained.
    """

    plan: Plan
    dose: bool = True
    memray: bool | None = None
    findings: Sequence[FindingResult] = ()
    mode: str = "run"
    installation: Installation = HERE

    @property
    def settings(self) -> Settings:
        """The same for a report."""
        return settings_of(self.plan, dose=self.dose, memray=self.memray)


@dataclass
class Hunt:
    """One hunt."""

    wanted: Wanted
    folder: Path
    environment: dict[str, Any]
    command: str
    started_at: str
    tell: Tell
    save: Callable[[ProfileReport], None] = lambda _: None
    """Called with what is known whenever that has changed."""
    _product: Product = field(default_factory=product)
    _began: float = field(default_factory=time.monotonic)
    _culprits: list[Culprit] = field(default_factory=list)
    _open: list[Unattributed] = field(default_factory=list)
    _notes: list[str] = field(default_factory=list)
    _overhead: Overhead = field(default_factory=Overhead)
    _looked: list[Looked] = field(default_factory=list)
    """Scenarios that are through."""
    _unmeasured: list[tuple[str, str]] = field(default_factory=list)
    """Gauges that this system does not measure, by scenario."""
    _missed: list[Unjudged] = field(default_factory=list)
    _why: str = "it was not looked into yet"
    """Why the scenarios that are left are not judged."""
    _verdict: Verdict | None = None
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
        plan = self.wanted.plan
        replay = self._replay(scenario)
        self._say(scenario, "looking into a fresh agent")
        evidence, self._overhead = await capture(
            scenario,
            plan,
            folder / "c",
            self._elapsed,
            lambda what: self._say(scenario, what),
            self.wanted.installation,
        )
        self._unmeasured += [(scenario, name) for name in evidence.unmeasured]
        found, open_ = culprits(evidence, place, adding, replay)
        if self._needs_native(open_):
            evidence = await self._with_native(scenario, evidence, folder / "n")
            found, open_ = culprits(evidence, place, adding, replay)
        before, self._culprits = self._culprits, [*self._culprits, *found]
        self._open += open_
        counts = evidence.cycles, evidence.warm_up_cycles, evidence.windows
        self._looked.append(Looked(scenario, "judged", *counts))
        if found and self.wanted.dose:
            self._save()
            found = await self._dosed(scenario, found, folder / "d")
            self._culprits = [*before, *found]

    async def _dosed(self, scenario: str, found: Sequence[Culprit], folder: Path) -> list[Culprit]:
        """The culprits, with what each scales with."""
        wanted = self.wanted
        return await dose_test(found, wanted.plan, folder, lambda what: self._say(scenario, what), wanted.installation)

    def _needs_native(self, open_: Iterable[Unattributed]) -> bool:
        unexplained = any(one.name == HEAP for one in open_)
        return unexplained if self.wanted.memray is None else self.wanted.memray

    async def _with_native(self, scenario: str, evidence: Evidence, folder: Path) -> Evidence:
        self._say(scenario, "looking at the C heap with memray, in a fresh agent")
        wanted = self.wanted
        native = await native_growth(
            scenario, wanted.plan, folder, lambda what: self._say(scenario, what), wanted.installation
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
        findings = sought(self.wanted.findings, self._culprits, self._open, looked, self._unmeasured)
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

    def _scenarios(self) -> list[Looked]:
        """Every scenario that was asked for: those that are through, and those that are not judged."""
        known = {one.scenario: one for one in self._looked}
        return [known.get(name) or Looked(name, "unjudged", why=self._why) for name in self.wanted.plan.scenarios]

    def _replay(self, scenario: str) -> str:
        wanted = self.wanted
        return run_command(replace(wanted.plan, scenarios=(scenario,)), dose=wanted.dose, memray=wanted.memray)

    def _elapsed(self) -> float:
        return time.monotonic() - self._began

    def _say(self, scenario: str, what: str) -> None:
        if what:
            self.tell(f"{scenario}: {what}")
