"""One run of the gate: figures at rest, then each scenario on both sides, then the line of what was found.

Owns the order of things and the deadline of nothing: whatever ends it, there is a report of what was known by then.
"""

import asyncio
import datetime as dt
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import msgspec

from mobifai.errors import MobiFaiError
from profiles.gate.accepted import AcceptedGrowth
from profiles.gate.comparison import conclude, expired, rows, smaller_growth, trial_coverage, trial_findings, unneeded
from profiles.gate.line_growth import lines_grown_at_rest
from profiles.gate.next_steps import next_steps
from profiles.gate.rest_figures import BaseFailed, FigureValues, measure_at_rest
from profiles.gate.results import FigureRow, GateCoverage, GateReport, GrownLine, SideResult
from profiles.gate.sides import GateSide, in_checkout
from profiles.gate.trial import Measurement, measure_at_rest_again, run_trial
from profiles.investigate.investigation import Investigation, InvestigationRequest
from profiles.report.summary import headline
from profiles.results import Culprit, ProfileReport, Unjudged
from soak.gauges.results import FindingResult
from soak.harness.identity import product
from soak.harness.installation import HERE
from soak.run.failures import failure
from soak.run.plan import SoakPlan

SCENARIOS: Final = ("mixed", "terminals", "conversations")
"""What a run goes through by default. Reconnects of all kinds are a half of `mixed`."""

SEED: Final = 20
TIME_SCALE: Final = 20.0

HUNTS: Final = 2
"""How often the line is looked for: an agent that is traced is slow, and what depends on time may fail once."""

AT_REST: Final = "figures at rest"
WHICH_LINE: Final = "which line it is"

UNUSED: Final = ("imports.", "idle.")
"""Figures of an agent that nobody has used: lines can be named for those."""

ProgressCallback = Callable[[str], None]


@dataclass(frozen=True)
class GateRequest:
    """What is to be compared: `sides` are the base, if it is to be run, and the candidate; `stored` its figures if not.

    `base` says what the candidate is compared with, and `now` what it is; `where` names the file of accepted growth.
    With one side and nothing stored it is compared with itself.
    """

    plan: SoakPlan
    sides: Sequence[GateSide]
    stored: Mapping[str, float] | None
    base: SideResult
    now: SideResult
    accepted: Sequence[AcceptedGrowth] = ()
    where: str = ""
    name_culprits: bool = True
    replay: str = ""
    """The command that does all of it again."""


@dataclass
class Gate:
    """One run."""

    wanted: GateRequest
    folder: Path
    environment: dict[str, Any]
    command: str
    started_at: str
    tell: ProgressCallback
    save: Callable[[GateReport], None] = lambda _: None
    """Called with what is known whenever that has changed."""
    today: dt.date = field(default_factory=lambda: dt.datetime.now(dt.UTC).date())
    figures: FigureValues = field(default_factory=dict)
    """Of the candidate."""
    _began: float = field(default_factory=time.monotonic)
    _base: FigureValues = field(default_factory=dict)
    """Of what it is compared with."""
    _findings: list[FindingResult] = field(default_factory=list)
    _as_before: list[FindingResult] = field(default_factory=list)
    _checked: list[GateCoverage] = field(default_factory=list)
    _culprits: list[Culprit] = field(default_factory=list)
    _lines: list[GrownLine] = field(default_factory=list)
    _unjudged: list[Unjudged] = field(default_factory=list)
    _unnamed: list[str] = field(default_factory=list)
    """Why no line is named."""
    _left: list[str] = field(default_factory=list)
    """What is still to be judged."""
    _why_left: str = "the run had not come to it yet"
    _interrupted: bool = False

    async def run(self) -> GateReport:
        """Do it all. What fails is told in the report."""
        self._left = [AT_REST, *self.wanted.plan.scenarios]
        try:
            await self._rest()
            for number, scenario in enumerate(self.wanted.plan.scenarios):
                self.save(self.report())
                await self._scenario(scenario, self.folder / str(number))
            self.save(self.report())
            await self._name_culprits()
            await self._name_lines()
        except asyncio.CancelledError:
            self._interrupted, self._why_left = True, "the run was interrupted before it was through"
            if not self._left:
                self._unjudged.append(Unjudged(WHICH_LINE, "the run was interrupted while it was looked for"))
        except BaseFailed as error:
            self._why_left = f"the base can't be measured: {error}"
        except Exception as error:
            self._findings.append(failure(error, "", ""))
            self._why_left = "the run failed before it"
        return self.report()

    def _all_unjudged(self) -> list[Unjudged]:
        """What was not judged, and what is left."""
        left = [(name, "" if name == AT_REST else name) for name in self._left]
        parts = [
            Unjudged(f"scenario {name}" if scenario else name, self._why_left, scenario) for name, scenario in left
        ]
        return [*self._unjudged, *parts]

    async def _rest(self) -> None:
        measured = await self._at_rest("rest")
        if self._has_grown(*measured):
            self.tell("more is there at rest; measuring again")
            measured = smaller_growth(measured, await self._at_rest("again"))
        self._base |= measured[0]
        self.figures |= measured[1]
        self._left.remove(AT_REST)

    async def _at_rest(self, name: str) -> tuple[FigureValues, FigureValues]:
        """The figures of base and candidate before anybody uses them."""
        *base, now = await measure_at_rest(self.wanted.sides, self.folder / name, self.tell)
        return (base[0] if base else self._stored(now)), now

    def _stored(self, now: FigureValues) -> FigureValues:
        """Those of the stored figures that have these names."""
        return {name: value for name, value in (self.wanted.stored or {}).items() if name in now}

    def _has_grown(self, base: FigureValues, now: FigureValues) -> bool:
        return any(row.verdict == "grown" for row in rows(base, now, self.wanted.accepted, self.today))

    async def _scenario(self, scenario: str, folder: Path) -> None:
        wanted = self.wanted
        tried = await run_trial(
            scenario, wanted.plan, wanted.sides, folder, self._elapsed, self.tell, replay=wanted.replay
        )
        told = trial_findings(tried)
        self._findings += told.findings
        self._as_before += told.as_before
        self._unjudged += told.unjudged
        if (looked := trial_coverage(tried)) is not None:
            self._checked.append(looked)
        else:
            self._unjudged.append(Unjudged(f"scenario {scenario}", "the run failed in it", scenario))
        measured = self._used(tried.first)
        if self._has_grown(*measured) and not told.findings:
            again = await measure_at_rest_again(
                scenario, wanted.plan, wanted.sides, folder / "3", self._elapsed, self.tell
            )
            measured = smaller_growth(measured, self._used(again))
        self._base |= measured[0]
        self.figures |= measured[1]
        self._left.remove(scenario)

    def _used(self, looks: Sequence[Measurement]) -> tuple[FigureValues, FigureValues]:
        """The figures of base and candidate once they were used."""
        now = looks[-1].figures
        return (looks[0].figures if len(looks) > 1 else self._stored(now)), now

    async def _name_culprits(self) -> None:
        """Have `profile` say which line it is, in the scenarios that show it."""
        growing = [one for one in self._findings if one.scenario in self.wanted.plan.scenarios]
        names = tuple(dict.fromkeys(one.scenario for one in growing if one.kind not in ("bound", "failure")))
        if not names:
            return
        if not self.wanted.name_culprits:
            self._unjudged.append(Unjudged(WHICH_LINE, "it was not asked for (--no-culprits)", names[0]))
            return
        hunted = await self._hunted(names[0], growing)
        if not hunted.culprits:
            self._unjudged.append(Unjudged(WHICH_LINE, headline(hunted), names[0]))

    async def _hunted(self, scenario: str, growing: Sequence[FindingResult]) -> ProfileReport:
        """The report of the first hunt that has a verdict, or of the last one."""
        for number in range(HUNTS):
            hunt = self._hunting(scenario, number, growing, self.folder / f"hunt.{number}")
            hunted = await hunt.run()
            self._culprits = [in_checkout(one, self.wanted.now, self.wanted.sides[-1]) for one in hunted.culprits]
            if hunt.interrupted:
                raise asyncio.CancelledError
            if hunted.verdict not in ("failed", "inconclusive"):
                break
        return hunted

    def _hunting(self, scenario: str, later: int, growing: Sequence[FindingResult], folder: Path) -> Investigation:
        plan = replace(self.wanted.plan.later(later), scenarios=(scenario,))
        tried = self.wanted.sides[-1]
        installation = tried.installation if self.wanted.now.built else HERE
        wanted = InvestigationRequest(plan, dose=False, findings=growing, mode="from", installation=installation)
        return Investigation(wanted, folder, self.environment, self.command, self.started_at, self.tell)

    async def _name_lines(self) -> None:
        """Have it said which lines the base has less for, where figures at rest have grown."""
        names = [row.name for row in self.rows() if row.verdict == "grown" and row.name.startswith(UNUSED)]
        if len(self.wanted.sides) < 2 or not names or not self.wanted.name_culprits:
            return
        self.tell("at rest: looking which lines have more than in the base")
        base, now = self.wanted.sides
        imports = all(name.startswith("imports.") for name in names)
        try:
            self._lines = await lines_grown_at_rest(base, now, self.folder / "lines", imports=imports)
        except (MobiFaiError, msgspec.MsgspecError) as error:
            self._unnamed.append(f"no line can be named for what is there at rest: {error}")

    # -- the report

    def report(self) -> GateReport:
        """What is known now."""
        told = self.rows()
        findings = [*self._findings, *expired(self.wanted.accepted, self.today, self.wanted.where)]
        report = GateReport(
            verdict="inconclusive" if self._interrupted else conclude(told, findings, whole=self.whole),
            base=self.wanted.base,
            now=self.wanted.now,
            rows=told,
            findings=findings,
            as_before=self._as_before,
            culprits=self._culprits,
            lines=self._lines,
            checked=self._checked,
            environment=self.environment,
            seed=self.wanted.plan.seed,
            duration_s=round(self._elapsed(), 1),
            unjudged=self._all_unjudged(),
            notes=[*self._unnamed, *unneeded(self.wanted.accepted, told, self.today)],
            product=product(),
            command=self.command,
            started_at=self.started_at,
            replay=self.wanted.replay,
        )
        return msgspec.structs.replace(report, next_steps=next_steps(report, self.wanted.plan))

    def rows(self) -> list[FigureRow]:
        """The figures at rest, of both sides."""
        base = self._base
        if len(self.wanted.sides) == 1:
            base = self.figures if self.wanted.stored is None else {**self.wanted.stored, **base}
        no_base = "the stored figures do not have it" if self.wanted.stored is not None else "the base was not measured"
        return rows(base, self.figures, self.wanted.accepted, self.today, no_base)

    @property
    def whole(self) -> bool:
        """Whether everything was judged that was to be."""
        return not self._left and not self._unjudged

    @property
    def clean(self) -> bool:
        """Whether its figures may stand as a baseline: everything was looked at, and nothing grows or broke."""
        return self.whole and not self._findings and not self._as_before

    def _elapsed(self) -> float:
        return time.monotonic() - self._began
