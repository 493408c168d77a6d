"""Names the lines of code that make memory grow, after the gate has found growth.

For growth with each cycle, a scenario is investigated as by `mobifai profile run`. For memory at rest, the memory of
each line is compared with that in the base.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import msgspec

from mobifai.errors import MobiFaiError
from profiles.gate.line_growth import lines_grown_at_rest
from profiles.gate.request import GateRequest
from profiles.gate.results import FigureRow, GrownLine
from profiles.gate.sides import in_checkout
from profiles.investigate.investigation import Investigation
from profiles.investigate.request import InvestigationRequest
from profiles.progress import ProgressCallback
from profiles.report.summary import headline
from profiles.results import Culprit, ProfileReport, Unjudged
from soak.gauges.results import FindingResult
from soak.harness.installation import HERE

ATTEMPTS: Final = 2
"""Most investigations of a scenario. Tracing slows the agent down, so the first investigation may time out."""

WHICH_LINE: Final = "which line of code grows"

UNUSED: Final = ("imports.", "idle.")
"""Prefixes of the names of figures that are measured before any use. Lines are named only for these figures."""


@dataclass
class LineNaming:
    """Finds the lines that grow in one run of the gate, and keeps the results.

    `culprits` are lines that grow with each cycle, and `lines` those with more memory at rest. `unjudged` and `notes`
    say why no line was found. `folder` is the directory for the files of the investigations.
    """

    request: GateRequest
    folder: Path
    environment: dict[str, Any]
    command: str
    started_at: str
    report_progress: ProgressCallback
    culprits: list[Culprit] = field(default_factory=list)
    lines: list[GrownLine] = field(default_factory=list)
    unjudged: list[Unjudged] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    async def name_culprits(self, findings: Sequence[FindingResult]) -> None:
        """Investigate the first scenario that has growth among `findings`, and keep the culprits.

        If no culprit is found, or if the user does not want any, `unjudged` gets an entry. Raises CancelledError if the
        investigation is interrupted.
        """
        growing = [one for one in findings if one.scenario in self.request.plan.scenarios]
        names = tuple(dict.fromkeys(one.scenario for one in growing if one.kind not in ("bound", "failure")))
        if not names:
            return
        if not self.request.name_culprits:
            self.unjudged.append(Unjudged(WHICH_LINE, "--no-culprits was given", names[0]))
            return
        report = await self._investigate(names[0], growing)
        if not report.culprits:
            self.unjudged.append(Unjudged(WHICH_LINE, headline(report), names[0]))

    async def _investigate(self, scenario: str, growing: Sequence[FindingResult]) -> ProfileReport:
        """Investigate a scenario until there is a verdict, at most `ATTEMPTS` times, and return the last report.

        `growing` has the findings to explain. Raises CancelledError if an investigation is interrupted.
        """
        for number in range(ATTEMPTS):
            investigation = self._investigation(scenario, number, growing)
            report = await investigation.run()
            self.culprits = [in_checkout(one, self.request.now, self.request.sides[-1]) for one in report.culprits]
            if investigation.interrupted:
                raise asyncio.CancelledError
            if report.verdict not in ("failed", "inconclusive"):
                break
        return report

    def _investigation(self, scenario: str, number: int, growing: Sequence[FindingResult]) -> Investigation:
        plan = replace(self.request.plan.later(number), scenarios=(scenario,))
        installation = self.request.sides[-1].installation if self.request.now.built else HERE
        request = InvestigationRequest(plan, dose=False, findings=growing, mode="from", installation=installation)
        folder = self.folder / f"i.{number}"
        return Investigation(
            request, folder, self.environment, self.command, self.started_at, self.report_progress
        )  # fmt: skip

    async def name_lines_at_rest(self, rows: Sequence[FigureRow]) -> None:
        """If figures before any use have grown, find the lines that hold more memory at rest than in the base.

        `rows` has all figures. Nothing happens if the base was not run. A failure becomes a note.
        """
        names = [row.name for row in rows if row.verdict == "grown" and row.name.startswith(UNUSED)]
        if len(self.request.sides) < 2 or not names or not self.request.name_culprits:
            return
        self.report_progress("memory at rest: comparing lines with the base")
        base, now = self.request.sides
        imports = all(name.startswith("imports.") for name in names)
        try:
            self.lines = await lines_grown_at_rest(base, now, self.folder / "lines", imports=imports)
        except (MobiFaiError, msgspec.MsgspecError) as error:
            self.notes.append(f"no line can be named for the memory at rest: {error}")
