"""The report of a gate, which every writer writes and every reader reads. Frozen values, no I/O."""

from typing import Any, Literal

import msgspec

from profiles.results import Culprit, NextStep, Unjudged
from soak.gauges.results import FindingResult, Product

SCHEMA_VERSION = 1
"""Of report.json: larger whenever a reader of the one before could take a report for something else."""

GateVerdict = Literal["passed", "grown", "failed", "inconclusive", "unfinished"]
"""`unfinished`: written while the run went on. A run that was killed keeps it."""

EXIT_STATUS: dict[GateVerdict, int] = {"passed": 0, "grown": 1, "failed": 3, "inconclusive": 4, "unfinished": 4}
"""The exit status of each verdict, as those of `mobifai soak`; 2 is left for usage."""

RowVerdict = Literal["ok", "grown", "accepted", "unjudged"]

SideKind = Literal["revision", "checkout", "installed", "stored", "itself"]


class SideResult(msgspec.Struct, frozen=True):
    """One side of a comparison.

    `kind`: `revision`, a commit of the checkout, which was built; `checkout`, the files of a checkout, edits and
    untracked files included; `installed`, the package that is installed; `stored`, figures of an earlier run; `itself`,
    no other side (figures are stored, and compared with nothing).
    `name` is the revision as it was asked for, the directory, or the file of stored figures. `commit` has all digits,
    and is empty where it is not known; `dirty` is null there. `edits` are the files that differ from the commit
    (`edited mobifai/x.py`), of those that are compared; `other_edits` counts the rest. `how` says how an installation
    was made, `same_as` names the checkout whose files are the same. `built`: it was built for this, and is not what is
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
    """Of stored figures: when, and by which version."""

    @property
    def kinds(self) -> list[str]:
        """Of each edit, its kind."""
        return [one.partition(" ")[0] for one in self.edits]


class FigureRow(msgspec.Struct, frozen=True):
    """One figure on both sides. `allowed` is the most that lets it through.

    None stands for what was not measured; `note` says why.
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
    """How much was judged in one scenario, on the candidate's side.

    `cycles` are those of the judged `blocks`, without `warm_up_cycles`. `filled` names the limits that were filled to
    their capacity: of the rest of the `bounds` it is only known that they were not passed. `gauges` counts those that
    were judged, `suspected` how many of them seemed to rise at first. The smallest leaks that would have shown are for
    each cycle, null where the gauge was not judged.
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
    """A line that more memory is there for at rest than in the base. `why`: the modules that it brings in."""

    file: str
    line: int
    text: str
    more_bytes: int
    why: str = ""


class GateReport(msgspec.Struct, frozen=True):
    """The whole of it.

    `base` and `now` say what was compared with what. `checked` has the scenarios that were judged, `unjudged` what
    was not, with the reason of each; a gate passes only when that is empty. `findings` are what fails the change beside
    `rows`: breached bounds, counts that did not come back, slopes, entries that expired. `as_before` are slopes that
    the base has too. `culprits` are the lines that `mobifai profile` names for what rises, `lines` those of what is
    there at rest. `fits` is false when the stored baseline is of another environment or workload: then nothing was run.
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
    as_before: list[FindingResult] = []
    culprits: list[Culprit] = []
    lines: list[GrownLine] = []
    unjudged: list[Unjudged] = []
    next_steps: list[NextStep] = []
    notes: list[str] = []
    fits: bool = True
    command: str = ""
    started_at: str = ""
    product: Product = Product()
    """The MobiFai whose `soak` and `profiles` drove and counted both sides."""
    schema_version: int = SCHEMA_VERSION
    replay: str = ""
    """The command that does all of it again."""

    @property
    def grown(self) -> list[FigureRow]:
        """The figures that are above what is allowed."""
        return [row for row in self.rows if row.verdict == "grown"]
