"""The report of a run: what every writer writes and every reader reads. Frozen values, no I/O."""

from enum import StrEnum
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from soak.gauges.counts import CycleCounts
from soak.gauges.state import Trend

SCHEMA_VERSION: Final = 1
"""The form of report.json, which docs/schemas/soak-report.json describes. It rises when a reader has to know."""

HARNESS: Final = "harness"
"""Stands for a scenario where the harness itself is meant."""

ATTACHED: Final = "attached"
"""Stands for a scenario where a living agent was watched."""

SoakVerdict = Literal["held", "leak", "breach", "failed", "inconclusive", "unfinished"]
"""`unfinished`: written while the run went on, with nothing found until then. A run that was killed keeps it."""

EXIT_STATUS: dict[SoakVerdict, int] = {
    "held": 0,
    "leak": 1,
    "breach": 1,
    "failed": 3,
    "inconclusive": 4,
    "unfinished": 4,
}
"""The exit status of each verdict; 2 is left for usage."""


class Installed(StrEnum):
    """How the product came to where it is imported from.

    `checkout`: a git work tree that tracks it. `editable`: a source tree without git. `repository`: pip, from a version
    control system. `archive`: a wheel or source archive by its path or URL. `directory`: a source tree, copied.
    `index`: a package index, or an installer that does not say.
    """

    CHECKOUT = "checkout"
    EDITABLE = "editable"
    REPOSITORY = "repository"
    ARCHIVE = "archive"
    DIRECTORY = "directory"
    INDEX = "index"
    UNKNOWN = "unknown"


class Product(msgspec.Struct, frozen=True):
    """Which MobiFai a report is about. `commit` and `dirty` are null where they are not known.

    `dirty`: the checkout has changes that are not committed, or files that git does not know.
    """

    version: str | None = None
    commit: str | None = None
    dirty: bool | None = None
    installed: Installed = Installed.UNKNOWN


class BoundOutcome(StrEnum):
    """The state of a limit. UNFILLED: it was never at its capacity, so nothing is known of it there."""

    HELD = "held"
    BROKEN = "broken"
    UNFILLED = "unfilled"


class BoundResult(msgspec.Struct, frozen=True):
    """One limit, over the whole run. `peak` and `evicted` are in `unit`.

    `why` says what filled it, or why nothing did. `capacity` is the value under test, which a provocation may have made
    smaller than the default.
    """

    name: str
    capacity: int
    unit: str
    peak: int
    evicted: int
    state: BoundOutcome
    why: str = ""

    @property
    def exercised(self) -> bool:
        """Whether it was filled to its capacity at least once."""
        return self.state is not BoundOutcome.UNFILLED


class RestResult(msgspec.Struct, frozen=True):
    """A count with everybody gone: after the warm-up, and at the end. `reason` says why nothing is known."""

    name: str
    before: float
    after: float
    unit: str
    state: Trend
    scenario: str = ""
    reason: str = ""


class GaugeResult(msgspec.Struct, frozen=True):
    """The result of one gauge. `smallest_leak` is the least rise for each cycle that would have been seen; null where
    nothing was judged. So is `per_cycle`, but for what is shown for orientation.

    `reason` says why nothing is known, or how a suspicion was cleared.
    """

    name: str
    unit: str
    per_cycle: float | None
    state: Trend
    smallest_leak: float | None
    scenario: str = ""
    reason: str = ""


class FindingResult(msgspec.Struct, frozen=True):
    """Something that was found.

    `kind`: `bound`, `rest`, `canary`, `growth`, `process`, `integrity`, `failure`, `harness`. `replay` is the command
    that shows it again; `detail` says in a sentence what was expected and what was found.
    """

    kind: str
    name: str
    detail: str
    per_cycle: float
    unit: str
    per_24h: float
    scenario: str
    replay: str


class TrafficResult(msgspec.Struct, frozen=True):
    """Every byte typed and printed. `lost` counts bytes that are missing, doubled or out of order."""

    bytes_sent: int = 0
    bytes_received: int = 0
    lost: int = 0

    def __add__(self, other: "TrafficResult") -> "TrafficResult":
        """Both together."""
        return TrafficResult(
            self.bytes_sent + other.bytes_sent, self.bytes_received + other.bytes_received, self.lost + other.lost
        )


class Phase(StrEnum):
    """How far a scenario came. JUDGED: all its gauges were looked at; CONFIRMED: suspicions in a second process too."""

    WARM_UP = "warm-up"
    RUNNING = "running"
    JUDGED = "judged"
    CONFIRMED = "confirmed"


class ScenarioResult(msgspec.Struct, frozen=True):
    """One scenario's part. `judged_blocks` ran in one process: of a run in several parts, those of the longest one.

    `duration_s` is the time in which cycles were driven. `reason` says why nothing is known.
    """

    name: str
    counts: CycleCounts
    judged_blocks: int
    duration_s: float
    phase: Phase
    state: Trend
    traffic: TrafficResult
    reason: str = ""


class SeriesResult(msgspec.Struct, frozen=True):
    """The course of one gauge in one scenario: for plots. Points are (seconds, cycle, value)."""

    name: str
    scenario: str
    unit: str
    capacity: float | None
    points: list[tuple[float, int, float]]


class Report(msgspec.Struct, frozen=True):
    """The whole of it.

    `environment`: platform, Python, C library, CPUs, versions of the libraries. `notes` are sentences for a person:
    what could not be measured, and why. `harness` is what the harness itself had, by the same gauges. `counts` are
    those of all scenarios together.
    """

    verdict: SoakVerdict
    counts: CycleCounts
    duration_s: float
    seed: int
    environment: dict[str, Any]
    bounds: list[BoundResult]
    rest: list[RestResult]
    gauges: list[GaugeResult]
    findings: list[FindingResult]
    traffic: TrafficResult
    command: str = ""
    started_at: str = ""
    interrupted: Annotated[bool, Meta(description="Whether the run ended before it had done what it was to do.")] = (
        False
    )
    finished: Annotated[
        bool,
        Meta(
            description="Whether this is the last report of its run, interrupted or not. False: the run went on when "
            "it was written, or was killed."
        ),
    ] = True
    scenarios: list[ScenarioResult] = []
    harness: list[GaugeResult] = []
    memory: list[dict[str, Any]] = []
    """memray's windows: when, how long, which lines kept most."""
    segments: int = 1
    notes: list[str] = []
    series: list[SeriesResult] = []
    product: Product = Product()
    schema_version: int = SCHEMA_VERSION

    @property
    def cycles(self) -> int:
        """The judged cycles."""
        return self.counts.judged_cycles

    @property
    def is_watch(self) -> bool:
        """Whether it watched a living agent instead of driving one."""
        return [one.name for one in self.scenarios] == [ATTACHED]
