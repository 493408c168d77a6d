"""Tests that soak finds exactly the planted leaks: one run of soak for every plant and every decoy."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.evidence.processes import mobifai
from benchmarks.evidence.soak_report import SHOWN_FINDINGS, SOAK_PACKAGES, SOURCE, findings, outcome_of
from benchmarks.evidence.units import EvidenceKind, ResultsByUnit, RunResult
from soak.gauges.results import Report
from soak.plants import plant, plants

SEED = 1
RUN_SECONDS = 900.0
USUAL_SECONDS, DECOY_SECONDS = 130.0, 45.0


def _units() -> Sequence[str]:
    return [one.name for one in plants()]


def _seconds(unit: str) -> float:
    return DECOY_SECONDS if plant(unit).decoy else USUAL_SECONDS


async def _run(unit: str, folder: Path, known: ResultsByUnit) -> RunResult:
    del known
    planted = plant(unit)
    words = ["soak", planted.scenario, "--plant", unit, "--seed", str(SEED), "--time-scale", "20"]
    ended = await mobifai([*words, "--fail-fast", "--no-memray"], folder, RUN_SECONDS)
    detail = {
        "family": planted.family,
        "decoy": planted.decoy,
        "scenario": planted.scenario,
        "process": getattr(planted, "process", "agent"),
    }
    try:
        report = ended.report(Report)
    except ValueError:
        return ended.failed(detail=detail | {"verdict": "no report", "findings": [], "more": 0})
    names = findings(report)
    detail |= {
        "verdict": report.verdict,
        "findings": names[:SHOWN_FINDINGS],
        "more": max(0, len(names) - SHOWN_FINDINGS),
    }
    what = names[0] if names else " ".join(report.notes)[:200]
    said = f"{report.verdict}{f', {what}' if what else ''}"
    return RunResult(outcome_of(report, leaks=not planted.decoy), said, detail, ended.command)


SELF_TEST = EvidenceKind(
    "self-test",
    _units,
    _run,
    _seconds,
    ("benchmarks/evidence/self_test.py", SOURCE),
    packages=SOAK_PACKAGES,
)
