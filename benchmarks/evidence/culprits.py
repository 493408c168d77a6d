"""Tests with every plant and every decoy whether `mobifai profile run` names the right line.

The page (`pages/culprits.py`) explains the words that say how near the named line is to the right one.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from benchmarks.evidence.processes import mobifai
from benchmarks.evidence.units import EvidenceKind, ResultsByUnit, RunResult, UnitOutcome
from profiles.results import Culprit, ProfileReport
from soak.plants import Plant, plant, plants

SEED = 1
RUN_SECONDS, USUAL_SECONDS = 900.0, 150.0
MOST_SHOWN = 5
"""Most gauges without a culprit that the summary of a result names."""


def _units() -> Sequence[str]:
    return [one.name for one in plants()]


async def _run(unit: str, folder: Path, known: ResultsByUnit) -> RunResult:
    del known
    planted = plant(unit)
    ended = await mobifai(["profile", "run", "--plant", unit, "--seed", str(SEED), "--no-dose"], folder, RUN_SECONDS)
    try:
        report = msgspec.json.decode(ended.out, type=ProfileReport)
    except msgspec.MsgspecError:
        return ended.failed()
    if report.verdict not in ("clean", "found"):
        return ended.failed(f"verdict {report.verdict}: {' '.join(report.notes)}")
    word = said(planted, report)
    first = report.culprits[0] if report.culprits else None
    named = f"{Path(first.file).name}:{first.line} {first.function}" if first else ""
    detail = {
        "said": word,
        "decoy": planted.decoy,
        "first": named,
        "kind": first.kind if first else "",
        "confidence": first.confidence if first else "",
        "retained_by": first.retained_by if first else "",
        "others": max(0, len(report.culprits) - 1),
        "unattributed": len(report.unattributed),
    }
    right = word in ("right", "silent")
    shown = named or ", ".join(one.name for one in report.unattributed[:MOST_SHOWN])
    return RunResult(
        UnitOutcome.RIGHT if right else UnitOutcome.WRONG, f"{word} {shown}".strip(), detail, ended.command
    )


def said(planted: Plant, report: ProfileReport) -> str:
    """Return what the report says about a planted leak, in one word.

    `right`: the first culprit has the plant's line. `near`: any culprit's line or stack has that line or its function.
    `wrong`: the culprits have neither. Without a culprit, `unattributed` if a gauge rose, else `missed`. For a decoy,
    `alarmed` if the report names growth, else `silent`.
    """
    if planted.decoy:
        return "alarmed" if report.culprits or report.unattributed else "silent"
    if not report.culprits:
        return "unattributed" if report.unattributed else "missed"
    file, line = str(planted.line[0]), planted.line[1]
    first = report.culprits[0]
    if (file, line) in [(one.file, one.line) for one in (first.place, first.library) if one is not None]:
        return "right"
    return "near" if any(_is_near(one, planted, file, line) for one in report.culprits) else "wrong"


def _is_near(culprit: Culprit, planted: Plant, file: str, line: int) -> bool:
    shown = [culprit.place, *culprit.made_at, *culprit.stack]
    function = planted.culprit.removeprefix(f"{planted.source.__module__}.")
    return any(one.file == file and (one.line == line or one.function == function) for one in shown)


CULPRITS = EvidenceKind("culprits", _units, _run, lambda _: USUAL_SECONDS, ("benchmarks/evidence/culprits.py",))
