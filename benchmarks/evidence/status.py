"""The state of the evidence: how many units are finished and missing, and how long the missing ones will take."""

from collections.abc import Mapping

from benchmarks.evidence.runner import UnitSelection, estimate
from benchmarks.evidence.units import EvidenceKind, KindEvidence, UnitOutcome

ROW = "{:14} {:>6} {:>6} {:>6} {:>6} {:>6} {:>8} {:>9}"


def status(choice: UnitSelection, evidence: Mapping[str, KindEvidence], jobs: int) -> str:
    """Return a text with a line for each kind, the time for all missing units, and each wrong or failed result."""
    lines = [ROW.format("", "units", "right", "wrong", "failed", "again", "missing", "minutes")]
    lines += [_line(kind, evidence[kind.name], choice) for kind in choice.kinds]
    total = sum(_seconds(kind, evidence[kind.name], choice) for kind in choice.kinds)
    lines.append(
        f"missing: {total / 3600:.1f} hours of single runs, about {total / 3600 / jobs:.1f} with --jobs {jobs}"
    )
    for kind in choice.kinds:
        wrong = [*evidence[kind.name].of(UnitOutcome.WRONG), *evidence[kind.name].of(UnitOutcome.FAILED)]
        lines += [f"{one.outcome}: {one.kind} {one.unit}: {one.summary}" for one in wrong]
    return "\n".join(lines)


def _line(kind: EvidenceKind, own: KindEvidence, choice: UnitSelection) -> str:
    counts = [len(own.of(outcome)) for outcome in UnitOutcome]
    missing = sum(name == kind.name for name, _ in _missing(choice, own))
    minutes = f"{_seconds(kind, own, choice) / 60:.0f}"
    return ROW.format(kind.name, len(own.plan.units), *counts, len(own.repeated), missing, minutes)


def _missing(choice: UnitSelection, own: KindEvidence) -> list[tuple[str, str]]:
    return [(own.plan.kind, unit) for unit in own.missing if not choice.units or unit in choice.units]


def _seconds(kind: EvidenceKind, own: KindEvidence, choice: UnitSelection) -> float:
    return sum(estimate(kind, unit, own) for _, unit in _missing(choice, own))
