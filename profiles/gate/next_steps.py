"""Suggests the next steps after a run of the gate: commands that name a line, reproduce growth, or reach a verdict.

Pure.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from profiles.gate.results import GateReport, SideResult
from profiles.replay import run_command
from profiles.results import NextStep
from soak.gauges.results import FindingResult
from soak.gauges.verdict import FAILED_KINDS
from soak.run.plan import SoakPlan
from soak.shell_quoting import joined, quoted

HUNTED = ("growth", "rest", "canary", "process")
"""Kinds of findings for which `mobifai profile run` can name a line."""


def next_steps(report: GateReport, plan: SoakPlan) -> list[NextStep]:
    """Return the steps to suggest after a run of the gate, in the order in which to take them.

    `report` is the report of the run, and `plan` the soak plan that both sides ran.
    """
    return list(dict.fromkeys(_steps(report, plan)))


def other_sides(report: GateReport, plan: SoakPlan, other: str) -> list[NextStep]:
    """Return the steps to suggest if the candidate has the same files as its base.

    `other` is a commit with another package, to compare with instead, or an empty text if there is none.
    """
    what = "compare with the newest commit whose package differs" if other else "name the revision before the change"
    itself = NextStep("or compare the candidate with itself, to test the gate", f"{_same(report)} --allow-identical")
    return [NextStep(what, _beside(other or "REV", plan)), itself]


def _steps(report: GateReport, plan: SoakPlan) -> Iterator[NextStep]:
    match report.verdict:
        case "grown":
            yield from _grown(report, plan)
        case "failed":
            yield from _failed(report)
        case "inconclusive" | "unfinished":
            yield from _inconclusive(report, plan)


def _grown(report: GateReport, plan: SoakPlan) -> Iterator[NextStep]:
    if report.culprits:
        yield NextStep("reproduce the growth", _runs(report.now, report.culprits[0].replay))
    else:
        for scenario in _scenarios(report.findings):
            yield NextStep("name the line that grows", _runs(report.now, _profile_run(scenario, plan)))
    if report.grown and not report.lines:
        yield from _lines_at_rest(report, plan)
    for finding in report.findings:
        if finding.kind not in HUNTED and finding.replay:
            yield NextStep(f"see {finding.name} again", finding.replay)
    yield NextStep("after the fix, prove that the growth is gone", _same(report))


def _scenarios(findings: Iterable[FindingResult]) -> list[str]:
    return list(dict.fromkeys(one.scenario for one in findings if one.kind in HUNTED and one.scenario))


def _profile_run(scenario: str, plan: SoakPlan) -> str:
    return run_command(replace(plan, scenarios=(scenario,)), dose=True, memray=None)


def _runs(side: SideResult, command: str) -> str:
    """Return a shell command that runs `command` with the candidate (`side`) installed.

    A candidate that was built for the gate is not installed. Then `pip install` precedes the command.
    """
    return f"pip install {quoted(side.name)} && {command}" if side.built else command


def _lines_at_rest(report: GateReport, plan: SoakPlan) -> Iterator[NextStep]:
    """Yield the step that names the lines with more memory at rest, if the base was a file of stored figures.

    The step runs the gate with a revision as base, because naming lines needs a base that can be run.
    """
    if report.base.kind == "stored":
        what = "name the lines with more memory at rest, compared with the revision of the stored figures"
        yield NextStep(what, _beside(report.base.commit or "REV", plan))


def _failed(report: GateReport) -> Iterator[NextStep]:
    for finding in report.findings:
        if finding.kind in FAILED_KINDS and finding.replay:
            yield NextStep("reproduce the failure", finding.replay)
    yield NextStep("run the gate again", _same(report))


def _inconclusive(report: GateReport, plan: SoakPlan) -> Iterator[NextStep]:
    if not report.fits:
        yield NextStep("store figures for this environment and workload", f"{_same(report)} --update")
        yield NextStep("or compare with a revision", _beside("REV", plan))
    else:
        for scenario in _scenarios(report.findings) if not report.culprits else ():
            yield NextStep("name the line that grows", _runs(report.now, _profile_run(scenario, plan)))
        yield NextStep("run the gate again", _same(report))


def _same(report: GateReport) -> str:
    """Return the command that repeats the comparison. It has the commit of the base, because a branch may move."""
    return report.replay or report.command


def _beside(revision: str, plan: SoakPlan) -> str:
    return joined(["mobifai", "profile", "gate", *plan.scenarios, "--base", revision, "--seed", str(plan.seed)])
