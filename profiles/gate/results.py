"""What a gate says: what every writer writes and every reader reads. Frozen values, no I/O."""

from typing import Any, Literal

import msgspec

from profiles.results import Culprit
from soak.gauges.results import FindingResult

Verdict = Literal["passed", "grown", "failed", "inconclusive"]

EXIT_STATUS: dict[Verdict, int] = {"passed": 0, "grown": 1, "failed": 3, "inconclusive": 4}
"""The exit status of each verdict, as those of `mobifai soak`; 2 is left for usage."""

RowVerdict = Literal["ok", "grown", "accepted", "unknown"]


class Row(msgspec.Struct, frozen=True):
    """One figure on both sides. `allowed` is the most that lets it through; None stands for what was not measured."""

    name: str
    unit: str
    base: float | None
    now: float | None
    allowed: float | None
    verdict: RowVerdict
    summary: str = ""
    note: str = ""


class Checked(msgspec.Struct, frozen=True):
    """How much was looked at in one scenario."""

    scenario: str
    cycles: int
    bounds: int
    gauges: int
    suspected: int
    smallest_leak_objects: float
    smallest_leak_bytes: float


class GrownLine(msgspec.Struct, frozen=True):
    """A line that more memory is there for at rest than in the base. `why`: the modules that it brings in."""

    file: str
    line: int
    text: str
    more_bytes: int
    why: str = ""


class GateReport(msgspec.Struct, frozen=True):
    """The whole of it.

    `base` says in words what it was compared with. `findings` are what fails the change beside `rows`: breached
    bounds, counts that did not come back, slopes, entries that expired. `as_before` are slopes that the base has too.
    `culprits` are the lines that `mobifai profile` names for what rises, `lines` those of what is there at rest.
    `fits` is false when the stored baseline is of another environment or workload: then nothing was run.
    """

    verdict: Verdict
    base: str
    rows: list[Row]
    findings: list[FindingResult]
    checked: list[Checked]
    environment: dict[str, Any]
    seed: int
    duration_s: float
    as_before: list[FindingResult] = []
    culprits: list[Culprit] = []
    lines: list[GrownLine] = []
    notes: list[str] = []
    fits: bool = True
    command: str = ""
    started_at: str = ""

    @property
    def grown(self) -> list[Row]:
        """The figures that are above what is allowed."""
        return [row for row in self.rows if row.verdict == "grown"]
