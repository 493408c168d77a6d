"""Runs the gate: measures figures at rest, runs each scenario on both sides, and names the lines of code that grow.

Owns the order of these steps. However the run ends, there is a report of what was known by then.
"""

import asyncio
import datetime as dt
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from profiles.gate.comparison import conclude, expired, rows, smaller_growth, trial_coverage, trial_findings, unneeded
from profiles.gate.line_naming import WHICH_LINE, LineNaming
from profiles.gate.next_steps import next_steps
from profiles.gate.request import GateRequest
from profiles.gate.rest_figures import BaseFailed, FigureValues, measure_at_rest
from profiles.gate.results import FigureRow, GateCoverage, GateReport
from profiles.gate.trial import Measurement, TrialRunner
from profiles.progress import ProgressCallback
from profiles.results import Unjudged
from soak.gauges.results import FindingResult
from soak.harness.identity import product
from soak.harness.pauses import PauseDetector, pause_line, pause_notes
from soak.run.failures import failure

SCENARIOS: Final = ("mixed", "terminals", "conversations")
"""The default scenarios of a run. Half of the cycles of `mixed` are reconnects."""

SEED: Final = 20
TIME_SCALE: Final = 20.0

AT_REST: Final = "figures at rest"


@dataclass
class Gate:
    """One run of the gate.

    `folder` is the directory for the files of the run. `environment`, `command` and `started_at` are stated in the
    report. `save` is called with the report so far whenever the report has changed. `today` decides which entries of
    accepted growth have expired.
    """

    request: GateRequest
    folder: Path
    environment: dict[str, Any]
    command: str
    started_at: str
    report_progress: ProgressCallback
    save: Callable[[GateReport], None] = lambda _: None
    today: dt.date = field(default_factory=lambda: dt.datetime.now(dt.UTC).date())
    figures: FigureValues = field(default_factory=dict)
    """The candidate's figures at rest."""
    _base_figures: FigureValues = field(default_factory=dict)
    _findings: list[FindingResult] = field(default_factory=list)
    _also_in_base: list[FindingResult] = field(default_factory=list)
    _checked: list[GateCoverage] = field(default_factory=list)
    _unjudged: list[Unjudged] = field(default_factory=list)
    _remaining: list[str] = field(default_factory=list)
    """Names of the parts of the run (figures at rest, scenarios) that are not judged yet."""
    _why_remaining: str = "the run had not reached it yet"
    _interrupted: bool = False

    def __post_init__(self) -> None:
        """Create the objects that run the scenarios and name lines, and start to measure the duration of the run."""
        request = self.request
        self._pauses = PauseDetector()
        self._naming = LineNaming(
            request, self.folder, self.environment, self.command, self.started_at, self.report_progress
        )
        self._trials = TrialRunner(
            request.plan, request.sides, self._pauses, self._report_pause, self.report_progress, request.replay
        )

    async def run(self) -> GateReport:
        """Run all steps and return the report. The report states failure or cancellation; nothing is raised."""
        watching = asyncio.ensure_future(self._pauses.watch(self._report_pause))
        try:
            await self._run_steps()
        except asyncio.CancelledError:
            self._interrupted, self._why_remaining = True, "the run was interrupted before it had finished"
            if not self._remaining:
                self._unjudged.append(Unjudged(WHICH_LINE, "the run was interrupted before it was found"))
        except BaseFailed as error:
            self._why_remaining = f"the base can't be measured: {error}"
        except Exception as error:
            self._findings.append(failure(error, "", ""))
            self._why_remaining = "the run failed earlier"
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
        return self.report()

    async def _run_steps(self) -> None:
        scenarios = self.request.plan.scenarios
        self._remaining = [AT_REST, *scenarios]
        await self._measure_at_rest()
        for number, scenario in enumerate(scenarios):
            self.save(self.report())
            await self._run_scenario(scenario, self.folder / str(number))
        self.save(self.report())
        await self._naming.name_culprits(self._findings)
        await self._naming.name_lines_at_rest(self.rows())

    def _report_pause(self, seconds: float) -> None:
        self.report_progress(pause_line(seconds))

    async def _measure_at_rest(self) -> None:
        measured = await self._at_rest("rest")
        if self._has_grown(*measured):
            self.report_progress("the candidate has more memory at rest than the base; measuring again")
            measured = smaller_growth(measured, await self._at_rest("again"))
        self._base_figures |= measured[0]
        self.figures |= measured[1]
        self._remaining.remove(AT_REST)

    async def _at_rest(self, name: str) -> tuple[FigureValues, FigureValues]:
        """Measure the figures at rest before any use, and return those of the base and those of the candidate.

        `name` is the name of a new directory for this measurement. The figures of a base that is not run are the stored
        ones.
        """
        *base, now = await self._pauses.repeat(
            self.folder / name,
            lambda folder: measure_at_rest(self.request.sides, folder, self.report_progress),
            self._report_pause,
        )
        return (base[0] if base else self._stored(now)), now

    def _stored(self, now: FigureValues) -> FigureValues:
        """Return those stored figures of the base that were measured for the candidate too (`now` has its figures)."""
        return {name: value for name, value in (self.request.stored or {}).items() if name in now}

    def _has_grown(self, base: FigureValues, now: FigureValues) -> bool:
        return any(row.verdict == "grown" for row in rows(base, now, self.request.accepted, self.today))

    async def _run_scenario(self, scenario: str, folder: Path) -> None:
        trial = await self._trials.run(scenario, folder)
        found = trial_findings(trial)
        self._findings += found.findings
        self._also_in_base += found.also_in_base
        self._unjudged += found.unjudged
        if (coverage := trial_coverage(trial)) is not None:
            self._checked.append(coverage)
        else:
            self._unjudged.append(Unjudged(f"scenario {scenario}", "the run failed in this scenario", scenario))
        measured = self._used(trial.first)
        if self._has_grown(*measured) and not found.findings:
            again = await self._trials.measure_at_rest_again(scenario, folder / "3")
            measured = smaller_growth(measured, self._used(again))
        self._base_figures |= measured[0]
        self.figures |= measured[1]
        self._remaining.remove(scenario)

    def _used(self, measurements: Sequence[Measurement]) -> tuple[FigureValues, FigureValues]:
        """Return the figures at rest after a scenario: those of the base and those of the candidate.

        `measurements` are those of the sides that ran the scenario, the candidate's last.
        """
        now = measurements[-1].figures
        return (measurements[0].figures if len(measurements) > 1 else self._stored(now)), now

    # -- the report

    def report(self) -> GateReport:
        """Return the report of everything that was measured and judged so far, and of everything that was not."""
        request, figure_rows = self.request, self.rows()
        findings = [*self._findings, *expired(request.accepted, self.today, request.where)]
        notes = [*self._naming.notes, *unneeded(request.accepted, figure_rows, self.today), *pause_notes(self._pauses)]
        report = GateReport(
            verdict="inconclusive" if self._interrupted else conclude(figure_rows, findings, whole=self.is_whole),
            base=request.base,
            now=request.now,
            rows=figure_rows,
            findings=findings,
            also_in_base=self._also_in_base,
            culprits=self._naming.culprits,
            lines=self._naming.lines,
            checked=self._checked,
            environment=self.environment,
            seed=request.plan.seed,
            duration_s=round(self._pauses.elapsed(), 1),
            unjudged=self._all_unjudged(),
            notes=notes,
            product=product(),
            command=self.command,
            started_at=self.started_at,
            replay=request.replay,
        )
        return msgspec.structs.replace(report, next_steps=next_steps(report, request.plan))

    def _all_unjudged(self) -> list[Unjudged]:
        """Return everything that was not judged, including the parts of the run that have not been reached."""
        remaining = [
            Unjudged(name, self._why_remaining)
            if name == AT_REST
            else Unjudged(f"scenario {name}", self._why_remaining, name)
            for name in self._remaining
        ]
        return [*self._unjudged, *self._naming.unjudged, *remaining]

    def rows(self) -> list[FigureRow]:
        """Return a row for each figure at rest that was measured so far, with both values and the verdict."""
        base, stored = self._base_figures, self.request.stored
        if len(self.request.sides) == 1:
            base = self.figures if stored is None else {**stored, **base}
        no_base = "it is not among the stored figures" if stored is not None else "the base was not measured"
        return rows(base, self.figures, self.request.accepted, self.today, no_base)

    @property
    def is_whole(self) -> bool:
        """Whether every part of the run was judged."""
        return not self._remaining and not self._unjudged and not self._naming.unjudged

    @property
    def is_clean(self) -> bool:
        """Whether the candidate's figures may be stored: everything was judged, nothing grows and nothing failed."""
        return self.is_whole and not self._findings and not self._also_in_base
