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
from profiles.replay import run_command
from profiles.results import Culprit, Overhead, ProfileReport, Unattributed, Verdict
from soak.gauges.results import FindingResult
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
    _began: float = field(default_factory=time.monotonic)
    _culprits: list[Culprit] = field(default_factory=list)
    _open: list[Unattributed] = field(default_factory=list)
    _notes: list[str] = field(default_factory=list)
    _overhead: Overhead = field(default_factory=Overhead)
    _cycles: int = 0
    _looked_at: list[str] = field(default_factory=list)
    """Scenarios that are through."""
    _verdict: Verdict | None = None
    """Set when it has ended without one of its own."""

    async def run(self) -> ProfileReport:
        """Do it all. What fails is told in the report."""
        try:
            for number, scenario in enumerate(self.wanted.plan.scenarios):
                await self._scenario(scenario, self.folder / str(number))
                self._looked_at.append(scenario)
                self._save()
        except asyncio.CancelledError:
            self._verdict = "inconclusive"
            self._notes.append("it was interrupted: what had not been looked at by then is not known")
        except Exception as error:
            self._verdict = "failed"
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
            scenario, plan, folder / "c", self._elapsed, lambda what: self._say(scenario, what)
        )
        self._cycles += evidence.cycles
        found, open_ = culprits(evidence, place, adding, replay)
        if self._needs_native(open_):
            evidence = await self._with_native(scenario, evidence, folder / "n")
            found, open_ = culprits(evidence, place, adding, replay)
        before, self._culprits = self._culprits, [*self._culprits, *found]
        self._open += open_
        if found and self.wanted.dose:
            self._save()
            found = await dose_test(found, plan, folder / "d", lambda what: self._say(scenario, what))
            self._culprits = [*before, *found]

    def _needs_native(self, open_: Iterable[Unattributed]) -> bool:
        unexplained = any(one.name == HEAP for one in open_)
        return unexplained if self.wanted.memray is None else self.wanted.memray

    async def _with_native(self, scenario: str, evidence: Evidence, folder: Path) -> Evidence:
        self._say(scenario, "looking at the C heap with memray, in a fresh agent")
        native = await native_growth(scenario, self.wanted.plan, folder, lambda what: self._say(scenario, what))
        self._notes += native.notes
        return msgspec.structs.replace(evidence, native=native.rows)

    @property
    def interrupted(self) -> bool:
        """Whether it was cancelled."""
        return self._verdict == "inconclusive"

    def report(self) -> ProfileReport:
        """What is known now."""
        open_, missed = self._open_findings()
        open_ = [*self._open, *open_]
        return ProfileReport(
            verdict=self._verdict or ("found" if self._culprits or open_ else "clean"),
            mode=self.wanted.mode,
            culprits=ranked(self._culprits),
            unattributed=open_,
            seed=self.wanted.plan.seed,
            cycles=self._cycles,
            duration_s=round(self._elapsed(), 1),
            environment=self.environment,
            command=self.command,
            started_at=self.started_at,
            overhead=self._overhead,
            notes=[*self._notes, *missed],
        )

    def _open_findings(self) -> tuple[list[Unattributed], list[str]]:
        """What soak found and no culprit explains; and, in sentences, what was not looked into."""
        explained = {(one.scenario, name) for one in self._culprits for name in one.explains}
        explained |= {(one.scenario, one.name) for one in self._open}
        left = [one for one in self.wanted.findings if (one.scenario, one.name) not in explained]
        why = "soak found it ({}); it did not rise here, or no line could be named for it"
        found = [
            Unattributed(one.name, one.per_cycle, one.unit, one.scenario, why.format(one.detail))
            for one in left
            if one.scenario in self._looked_at
        ]
        missed = [one for one in left if one.scenario not in self._looked_at]
        return found, [f"{one.name} in {one.scenario}, which soak found, was not looked into" for one in missed]

    def _replay(self, scenario: str) -> str:
        wanted = self.wanted
        return run_command(replace(wanted.plan, scenarios=(scenario,)), dose=wanted.dose, memray=wanted.memray)

    def _elapsed(self) -> float:
        return time.monotonic() - self._began

    def _say(self, scenario: str, what: str) -> None:
        if what:
            self.tell(f"{scenario}: {what}")
