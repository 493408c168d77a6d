"""The hunt: each scenario in fresh agents, looked into in one way after the other, and what comes of it together.

Owns the order of the looks and the directory of each. Whatever ends it, there is a report of what was found by then.
"""

import asyncio
import shlex
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
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
from profiles.results import Culprit, Overhead, ProfileReport, Unattributed, Verdict
from soak.gauges.results import FindingResult
from soak.run.plan import Plan

Tell = Callable[[str], None]

HEAP = "heap.bytes"
TIME_SCALE = 20.0
"""How many times as fast the agent's timers run, by default."""


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
    _began: float = field(default_factory=time.monotonic)
    _culprits: list[Culprit] = field(default_factory=list)
    _open: list[Unattributed] = field(default_factory=list)
    _notes: list[str] = field(default_factory=list)
    _overhead: Overhead = field(default_factory=Overhead)
    _cycles: int = 0
    _failed: bool = False
    _done: bool = False

    async def run(self) -> ProfileReport:
        """Do it all. What fails is told in the report."""
        try:
            for number, scenario in enumerate(self.wanted.plan.scenarios):
                await self._scenario(scenario, self.folder / str(number))
            self._done = True
        except asyncio.CancelledError:
            self._notes.append("it was interrupted: what had not been looked at by then is not known")
        except MobiFaiError as error:
            self._failed = True
            self._notes.append(f"the run failed: {error}")
        return self.report()

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
        if found and self.wanted.dose:
            found = await dose_test(found, plan, folder / "d", lambda what: self._say(scenario, what))
        self._culprits += found
        self._open += open_

    def _needs_native(self, open_: Iterable[Unattributed]) -> bool:
        unexplained = any(one.name == HEAP for one in open_)
        return unexplained if self.wanted.memray is None else self.wanted.memray

    async def _with_native(self, scenario: str, evidence: Evidence, folder: Path) -> Evidence:
        self._say(scenario, "looking at the C heap with memray, in a fresh agent")
        native = await native_growth(scenario, self.wanted.plan, folder, lambda what: self._say(scenario, what))
        self._notes += native.notes
        return msgspec.structs.replace(evidence, native=native.rows)

    def report(self) -> ProfileReport:
        """What is known now."""
        self._account_for_findings()
        return ProfileReport(
            verdict=self._verdict(),
            mode=self.wanted.mode,
            culprits=ranked(self._culprits),
            unattributed=self._open,
            seed=self.wanted.plan.seed,
            cycles=self._cycles,
            duration_s=round(self._elapsed(), 1),
            environment=self.environment,
            command=self.command,
            started_at=self.started_at,
            overhead=self._overhead,
            notes=self._notes,
        )

    def _account_for_findings(self) -> None:
        """Whatever soak found and nobody is named for is not forgotten."""
        explained = {(one.scenario, name) for one in self._culprits for name in one.explains}
        known = {(one.scenario, one.name) for one in self._open}
        for finding in self.wanted.findings:
            where = finding.scenario, finding.name
            if where not in explained and where not in known:
                why = f"soak found it ({finding.detail}); it did not rise here, or no line could be named for it"
                self._open.append(Unattributed(finding.name, finding.per_cycle, finding.unit, finding.scenario, why))

    def _verdict(self) -> Verdict:
        if self._failed:
            return "failed"
        if self._culprits or self._open:
            return "found"
        return "clean" if self._done else "inconclusive"

    def _replay(self, scenario: str) -> str:
        plan = self.wanted.plan
        words = ["mobifai", "profile", "run", scenario, "--seed", str(plan.seed)]
        words += ["--time-scale", f"{plan.time_scale:g}"] if plan.time_scale != TIME_SCALE else []
        words += ["--plant", plan.plant] if plan.plant is not None else []
        return shlex.join(words)

    def _elapsed(self) -> float:
        return time.monotonic() - self._began

    def _say(self, scenario: str, what: str) -> None:
        if what:
            self.tell(f"{scenario}: {what}")
