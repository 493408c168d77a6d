"""The data types of the gate's report. Frozen values, no I/O."""

from typing import Any, Literal

import msgspec

from profiles.results import Culprit, NextStep, Unjudged
from soak.gauges.results import FindingResult, Product

SCHEMA_VERSION = 2
"""The schema version of report.json. A version that readers of the previous one could misread gets a new number."""

GateVerdict = Literal["passed", "grown", "failed", "inconclusive", "unfinished"]
"""`unfinished` is written during the run, and remains if the run is killed."""

EXIT_STATUS: dict[GateVerdict, int] = {"passed": 0, "grown": 1, "failed": 3, "inconclusive": 4, "unfinished": 4}
"""The exit status of each verdict, as in `mobifai soak`; 2 means wrong usage."""

RowVerdict = Literal["ok", "grown", "accepted", "unjudged"]

SideKind = Literal["revision", "checkout", "installed", "stored", "itself"]


class SideResult(msgspec.Struct, frozen=True):
    """One side of a comparison.

    `kind`: `revision`, a commit of the checkout, which was built; `checkout`, the files of a checkout with edits and
    untracked files; `installed`, the installed package; `stored`, figures of an earlier run; `itself`, no other side
    (the figures are to be stored, and are compared with nothing). `name` is the revision as requested, the directory,
    or the file of stored figures. `commit` is the complete hash, or empty if unknown; then `dirty` is null. `edits` are
    compared files that differ from the commit (`edited mobifai/x.py`); `other_edits` counts the others. `how` is the
    kind of installation, `same_as` a checkout with the same files. `built`: it was built for the gate and is not
    installed. `libraries` are the versions that it runs with.
    """

    kind: SideKind
    name: str = ""
    commit: str = ""
    dirty: bool | None = None
    edits: list[str] = []
    other_edits: int = 0
    version: str = ""
    how: str = ""
    same_as: str = ""
    built: bool = False
    python: str = ""
    c_library: str = ""
    architecture: str = ""
    libraries: dict[str, str] = {}
    measured: str = ""
    """For stored figures: when and with which version they were measured."""

    @property
    def kinds(self) -> list[str]:
        """The kind of each edit."""
        return [one.partition(" ")[0] for one in self.edits]


class FigureRow(msgspec.Struct, frozen=True):
    """One figure of both sides. `allowed` is the largest value that passes.

    A value that was not measured is null; `note` says why.
    """

    name: str
    unit: str
    base: float | None
    now: float | None
    allowed: float | None
    verdict: RowVerdict
    summary: str = ""
    note: str = ""


class GateCoverage(msgspec.Struct, frozen=True):
    """The part of one scenario that was judged, on the candidate's side.

    `cycles` counts the cycles of the judged `blocks`, without `warm_up_cycles`. `bounds` are the limits that were
    watched; `filled` names those that were filled to capacity. The others were not exceeded, but were not put to the
    test. `gauges` counts the judged gauges, `suspected` those of them that seemed to rise at first. The smallest
    detectable leaks are per cycle, and null if the gauge was not judged.
    """

    scenario: str
    cycles: int
    warm_up_cycles: int
    blocks: int
    bounds: int
    filled: list[str]
    gauges: int
    suspected: int
    smallest_leak_objects: float | None
    smallest_leak_bytes: float | None


class GrownLine(msgspec.Struct, frozen=True):
    """A line that holds more memory at rest than in the base. `why` has the modules that it imports, if any."""

    file: str
    line: int
    text: str
    more_bytes: int
    why: str = ""


class GateReport(msgspec.Struct, frozen=True):
    """The report.

    `base` and `now` (the candidate) are the compared sides. `checked` has the scenarios that were judged. `unjudged`
    has everything that was not judged, with reasons; a gate passes only if `unjudged` is empty. `findings`, and `rows`
    above their allowed values, fail the change. Findings are exceeded limits, counts that did not return to their base,
    growth with each cycle, and expired entries. `also_in_base` has growth that the base has too. `culprits` are the
    lines for growth, `lines` those for memory at rest. `fits` is false if the stored figures are of another environment
    or workload; nothing was run then.
    """

    verdict: GateVerdict
    base: SideResult
    now: SideResult
    rows: list[FigureRow]
    findings: list[FindingResult]
    checked: list[GateCoverage]
    environment: dict[str, Any]
    seed: int
    duration_s: float
    also_in_base: list[FindingResult] = []
    culprits: list[Culprit] = []
    lines: list[GrownLine] = []
    unjudged: list[Unjudged] = []
    next_steps: list[NextStep] = []
    notes: list[str] = []
    fits: bool = True
    command: str = ""
    started_at: str = ""
    product: Product = Product()
    """The MobiFai whose packages `soak` and `profiles` ran and measured both sides."""
    schema_version: int = SCHEMA_VERSION
    replay: str = ""
    """The command that repeats the run."""

    @property
    def grown(self) -> list[FigureRow]:
        """The figures above their allowed value."""
        return [row for row in self.rows if row.verdict == "grown"]
