"""Renders self-test.md: how many plants and decoys soak judged right and wrong, and a row for each plant."""

from collections.abc import Mapping

from benchmarks.evidence.pages.parts import code, command, origin, table
from benchmarks.evidence.soak_report import FOUND
from benchmarks.evidence.units import KindEvidence, UnitOutcome, UnitResult


def page(evidence: Mapping[str, KindEvidence]) -> str:
    """Return the page self-test.md, given the results by kind."""
    own = evidence["self-test"]
    rows = [one for one in own.last.values() if one.detail]
    parts = [
        "# Soak's self-test\n",
        "Every planted leak and every decoy in a run of its own. `by` names the first findings.\n",
        origin(own),
        command(own),
        _matrix(rows),
        table(["plant", "process", "family", "scenario", "said", "by", "seconds"], map(_row, rows)),
    ]
    return "\n".join(parts)


def _matrix(rows: list[UnitResult]) -> str:
    lines = []
    for name, decoy in (("leak", False), ("decoy", True)):
        own = [one for one in rows if one.detail["decoy"] is decoy]
        verdicts = [one.detail["verdict"] for one in own if one.outcome is not UnitOutcome.FAILED]
        found = sum(one in FOUND for one in verdicts)
        held = sum(one == "held" for one in verdicts)
        lines.append([f"**{name}**", found, held, len(own) - found - held])
    return table(["", "said: leak or breach", "said: held", "said neither"], lines)


def _row(one: UnitResult) -> list[object]:
    detail = one.detail
    by = ", ".join(map(code, detail["findings"])) + (f" and {detail['more']} more" if detail["more"] else "")
    sign = "" if one.outcome is UnitOutcome.RIGHT else f" ({one.outcome})"
    name = f"{one.unit} (decoy)" if detail["decoy"] else one.unit
    return [
        name,
        detail["process"],
        detail["family"],
        detail["scenario"],
        f"{detail['verdict']}{sign}",
        by,
        round(one.seconds),
    ]
