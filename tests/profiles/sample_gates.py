"""Reports of gates, for tests of their text and JSON."""

import datetime as dt
from pathlib import Path

from profiles.gate.accepted import AcceptedGrowth
from profiles.gate.comparison import rows
from profiles.gate.results import FigureRow, GateCoverage, GateReport, SideResult
from profiles.results import Culprit, NextStep
from soak.gauges.results import FindingResult

ROOT = Path(__file__).parents[2]
TODAY = dt.date(2026, 7, 1)

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OTHER = "fedcba9876543210fedcba9876543210fedcba98"
BASE = SideResult("revision", "main", COMMIT, dirty=False, version="0.1.0", python="CPython 3.13.1")
NOW = SideResult(
    "checkout", "/srv/mobifai", OTHER, dirty=True, edits=["edited mobifai/agent.py", "untracked mobifai/new.py"],
    version="0.1.0", python="CPython 3.13.1",
)  # fmt: skip
AGAIN = NextStep("reproduce the growth", "mobifai profile run mixed --seed 1")


def only(base: float | None, now: float | None, *accepted: AcceptedGrowth, name: str = "idle.heap") -> FigureRow:
    """Return the row of one figure."""
    (row,) = rows(
        {} if base is None else {name: base}, {} if now is None else {name: now}, accepted, TODAY
    )  # fmt: skip
    return row


def culprit() -> Culprit:
    """Return a line of the project."""
    return Culprit(
        "container", str(ROOT / "mobifai" / "agent.py"), 7, "keep", "module x.kept: list", 100.0, 1.0, 1e6, "", "high",
        "mobifai profile run mixed --seed 1", "list of <Thing>",
    )  # fmt: skip


def gate_report(**other: object) -> GateReport:
    """Return the report of a gate that failed, with a culprit."""
    reported = {
        "verdict": "grown", "base": BASE, "now": NOW,
        "rows": [only(1, 1), only(0, 900_000), only(0, 9, name="used.heap:mixed"), only(0, 7, name="used.heap:other")],
        "findings": [FindingResult("growth", "python.blocks", "3 more | a <cycle>", 3, "objects", 1, "mixed", "again")],
        "checked": [GateCoverage("mixed", 160, 140, 8, 42, ["terminals"], 784, 1, 0.2, 16.0)], "environment": {},
        "seed": 1,
        "duration_s": 185.0, "culprits": [culprit()], "next_steps": [AGAIN], **other,
    }  # fmt: skip
    return GateReport(**reported)  # type: ignore[arg-type]
