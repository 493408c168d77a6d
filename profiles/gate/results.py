"""The data types of the report that `mobifai profile gate` writes. Frozen values, no I/O."""

from typing import Any, Literal

import msgspec

from profiles.results import Culprit, NextStep, Unjudged
from soak.gauges.results import FindingResult, Product

SCHEMA_VERSION = 2
"""The schema version of report.json. It increases when programs that read the earlier format could misread a report."""

GateVerdict = Literal["passed", "grown", "failed", "inconclusive", "unfinished"]
"""The result of a run. Reports written during the run have `unfinished`, which remains if the run is killed."""

EXIT_STATUS: dict[GateVerdict, int] = {"passed": 0, "grown": 1, "failed": 3, "inconclusive": 4, "unfinished": 4}
"""The exit status of each verdict. The numbers mean the same as for `mobifai soak`; 2 means wrong usage."""

RowVerdict = Literal["ok", "grown", "accepted", "unjudged"]

SideKind = Literal["revision", "checkout", "installed", "stored", "itself"]


class SideResult(msgspec.Struct, frozen=True):
    """One side of a comparison, the base or the candidate.

    `kind` is one of:
    - `revision`: a commit of the checkout, which the gate built
    - `checkout`: the files of a checkout, with edits and untracked files
    - `installed`: the installed package
    - `stored`: figures of an earlier run
    - `itself`: there is no base, because the candidate's figures are to be stored and are compared with nothing

    `name` is the revision as requested, the directory, or the file of stored figures. `commit` is the full hash, or
    empty if unknown. `dirty` says whether the compared files have edits, or is null if unknown. `edits` has these
    edits, such as `edited mobifai/x.py`, and `other_edits` is the number of other edited files.

    For an installed package, `how` is the kind of installation, and `same_as` is a checkout with the same files.
    `built` is true if the gate built the candidate from a checkout. `libraries` has the versions of the libraries.
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
    """For stored figures: the date of the measurement, and the version and commit that was measured."""

    @property
    def kinds(self) -> list[str]:
        """The kind of each edit in `edits`, such as `edited` or `untracked`."""
        return [one.partition(" ")[0] for one in self.edits]


class FigureRow(msgspec.Struct, frozen=True):
    """One figure at rest: its value in the base, its value in the candidate (`now`), and the verdict.

    `allowed` is the largest value of the candidate that passes. A value that was not measured is null, and `note` says
    why. `summary` describes the figure.
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
    """How much of one scenario was judged, for the candidate.

    `blocks` and `cycles` are the numbers of judged blocks and of their cycles, without the `warm_up_cycles`.

    `bounds` is the number of limits that were watched. `filled` has the names of the limits that were filled to their
    capacity. The other limits were not exceeded, but they were not tested either.

    `gauges` is the number of judged gauges, and `suspected` the number of those that seemed to rise at first.
    `smallest_leak_objects` and `smallest_leak_bytes` are the smallest leaks per cycle that the run would have found, or
    null if the gauge was not judged.
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
    """A line of the candidate that holds more memory at rest than in the base.

    `text` is its source text, and `more_bytes` the difference. If the line imports modules that the base does not
    import, `why` names them.
    """

    file: str
    line: int
    text: str
    more_bytes: int
    why: str = ""


class GateReport(msgspec.Struct, frozen=True):
    """The report of `mobifai profile gate`.

    `base` and `now` (the candidate) are the compared sides. `rows` has the figures at rest. `checked` has the scenarios
    that were judged.

    `findings` are exceeded limits, counts that did not return to their earlier value, growth with each cycle, failures,
    and expired entries of accepted growth. The candidate fails if there is a finding, or a row above its allowed value.
    `also_in_base` has growth that the base has too, which does not fail the candidate.

    `culprits` are the lines that cause growth, and `lines` those that hold more memory at rest. `unjudged` has
    everything that was not judged, with the reasons. The gate passes only if `unjudged` is empty. `fits` is false if no
    stored figures are of this environment and workload; then nothing was run.
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
        """The rows of figures above their allowed value."""
        return [row for row in self.rows if row.verdict == "grown"]
