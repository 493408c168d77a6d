"""Complete quick runs of soak, and complete runs of the memory gate, in which nothing leaks: each alarm is false."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.evidence.processes import mobifai
from benchmarks.evidence.soak_report import (
    SOAK_PACKAGES,
    SOURCE,
    findings,
    limits,
    outcome_of,
    smallest_leaks,
    suspected,
)
from benchmarks.evidence.units import EvidenceKind, ResultsByUnit, RunResult, UnitOutcome
from profiles.gate.results import GateReport
from soak.gauges.results import Report

RUNS, FIRST_SEED = 60, 2000
RUN_SECONDS, USUAL_SECONDS = 3600.0, 300.0
GATE_RUNS, FIRST_GATE_SEED = 10, 3000
GATE_RUN_SECONDS, USUAL_GATE_SECONDS = 3600.0, 400.0
ROOT = Path(__file__).resolve().parents[2]


def _seeds() -> Sequence[str]:
    return [str(FIRST_SEED + number) for number in range(RUNS)]


async def _run(unit: str, folder: Path, known: ResultsByUnit) -> RunResult:
    del known
    ended = await mobifai(["soak", "--quick", "--seed", unit], folder, RUN_SECONDS)
    try:
        report = ended.report(Report)
    except ValueError:
        return ended.failed()
    return RunResult(outcome_of(report, leaks=False), _said(report), clean_detail(report), ended.command)


def clean_detail(report: Report) -> dict[str, Any]:
    """Return the details to store about a run of soak without a planted leak, given its report."""
    return {
        "verdict": report.verdict,
        "cycles": report.cycles,
        "suspected": suspected(report),
        "findings": [f"{one.kind} {one.name}: {one.detail}" for one in report.findings],
        "limits": limits(report),
        "smallest": smallest_leaks(report),
    }


def _said(report: Report) -> str:
    names = findings(report)
    return f"{report.verdict}{f', {names[0]}' if names else ''}"


def _gate_seeds() -> Sequence[str]:
    return [str(FIRST_GATE_SEED + number) for number in range(GATE_RUNS)]


async def _run_gate(unit: str, folder: Path, known: ResultsByUnit) -> RunResult:
    """Run the memory gate with the seed `unit` and both sides at one commit, so that any growth is a false alarm.

    The base is built from that commit, and the candidate is the installed wheel of that commit.
    """
    del known
    words = ["profile", "gate", "--base", "HEAD", "--allow-identical", "--seed", unit, "--no-culprits"]
    ended = await mobifai(words, folder, GATE_RUN_SECONDS, ROOT)
    try:
        report = ended.report(GateReport)
    except ValueError:
        return ended.failed()
    alarms = [f"{row.name}: {row.base:g} -> {row.now:g}" for row in report.rows if row.verdict == "grown"]
    alarms += [f"{one.kind} {one.name}: {one.detail}" for one in report.findings]
    detail = {
        "verdict": report.verdict,
        "cycles": sum(one.cycles for one in report.checked),
        "suspected": any("again" in line or "confirming" in line for line in ended.err.splitlines()),
        "findings": alarms,
    }
    ends = {"passed": UnitOutcome.RIGHT, "inconclusive": UnitOutcome.FAILED, "failed": UnitOutcome.FAILED}
    said = f"{report.verdict}{f', {alarms[0]}' if alarms else ''}"
    return RunResult(ends.get(report.verdict, UnitOutcome.WRONG), said, detail, ended.command)


_SOURCES = ("benchmarks/evidence/clean_runs.py", SOURCE)
CLEAN_RUNS = EvidenceKind("clean-runs", _seeds, _run, lambda _: USUAL_SECONDS, _SOURCES, packages=SOAK_PACKAGES)
GATE_RUNS_KIND = EvidenceKind("gate-runs", _gate_seeds, _run_gate, lambda _: USUAL_GATE_SECONDS, _SOURCES)
