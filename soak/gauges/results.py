"""The report of a run as immutable values. All formats are written from it, and report.json is read back into it."""

from enum import StrEnum
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from soak.gauges.counts import CycleCounts
from soak.gauges.state import Trend

SCHEMA_VERSION: Final = 1
"""The version of report.json, described in docs/schemas/soak-report.json. It rises with incompatible changes."""

HARNESS: Final = "harness"
"""The scenario name of results about the harness itself."""

ATTACHED: Final = "attached"
"""The scenario name of a run that watched a running agent."""

SoakVerdict = Literal["held", "leak", "breach", "failed", "inconclusive", "unfinished"]
"""The verdict of a run. `breach`: a limit was exceeded.

`unfinished`: the report was written during the run, which has no finding so far. If the run is killed, this verdict
remains.
"""

EXIT_STATUS: dict[SoakVerdict, int] = {
    "held": 0,
    "leak": 1,
    "breach": 1,
    "failed": 3,
    "inconclusive": 4,
    "unfinished": 4,
}
"""The exit status of each verdict. Status 2 is for usage errors."""


class Installed(StrEnum):
    """How MobiFai was installed.

    `checkout`: run from a git work tree whose files include MobiFai. `editable`: run from a source tree without git.
    `repository`: installed by pip from a version control system. `archive`: installed from a wheel or source archive,
    by path or URL. `directory`: installed from a source tree, which was copied. `index`: installed from a package
    index, or by an installer that does not record the source.
    """

    CHECKOUT = "checkout"
    EDITABLE = "editable"
    REPOSITORY = "repository"
    ARCHIVE = "archive"
    DIRECTORY = "directory"
    INDEX = "index"
    UNKNOWN = "unknown"


class Product(msgspec.Struct, frozen=True):
    """The version of MobiFai that a report is about. `commit` and `dirty` are null if unknown.

    `dirty`: the checkout has uncommitted changes or untracked files.
    """

    version: str | None = None
    commit: str | None = None
    dirty: bool | None = None
    installed: Installed = Installed.UNKNOWN


class BoundOutcome(StrEnum):
    """The state of a limit. HELD: it was filled to its capacity and not exceeded. BROKEN: it was exceeded.

    UNFILLED: the limit never reached its capacity, so nothing is known about its behaviour there.
    """

    HELD = "held"
    BROKEN = "broken"
    UNFILLED = "unfilled"


class BoundResult(msgspec.Struct, frozen=True):
    """The result of one limit over the whole run. `capacity`, `peak` and `evicted` are in `unit`.

    `why` says what filled the limit, or why nothing filled it. `capacity` is the tested value, which may be below the
    default in a provocation.
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
        """Whether the limit reached its capacity."""
        return self.state is not BoundOutcome.UNFILLED


class RestResult(msgspec.Struct, frozen=True):
    """The result of one count that must return to its earlier value when no phone is connected.

    `before` is the count after the warm-up, and `after` is the count at the end. `reason` explains the state, for
    example why the result is unknown.
    """

    name: str
    before: float
    after: float
    unit: str
    state: Trend
    scenario: str = ""
    reason: str = ""


class GaugeResult(msgspec.Struct, frozen=True):
    """The result of one gauge.

    `per_cycle` is the rise of the gauge for each cycle. `smallest_leak` is the smallest rise for each cycle that would
    have been found. Both are null if the gauge was not judged. As an exception, a gauge that is only shown has a
    `per_cycle`.

    `reason` says why the result is unknown, or how a suspicion was cleared.
    """

    name: str
    unit: str
    per_cycle: float | None
    state: Trend
    smallest_leak: float | None
    scenario: str = ""
    reason: str = ""


class FindingResult(msgspec.Struct, frozen=True):
    """A finding.

    `kind`: `bound`, `rest`, `canary`, `growth`, `process`, `integrity`, `failure` or `harness`. `per_cycle` is the
    growth for each cycle and `per_24h` the projected growth in a day, both in `unit`. `replay` is the command that
    reproduces the finding. `detail` says what was expected and what was found.
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
    """The bytes that phones have typed (`bytes_sent`), and the bytes of output that they have received.

    `lost` counts the bytes of output that were lost, duplicated or reordered.
    """

    bytes_sent: int = 0
    bytes_received: int = 0
    lost: int = 0

    def __add__(self, other: "TrafficResult") -> "TrafficResult":
        """Return the sum of these totals and `other`."""
        return TrafficResult(
            self.bytes_sent + other.bytes_sent, self.bytes_received + other.bytes_received, self.lost + other.lost
        )


class Phase(StrEnum):
    """The phase that a scenario has reached.

    RUNNING: its warm-up is complete. JUDGED: all its gauges were judged. CONFIRMED: a confirmation has also judged the
    suspected gauges.
    """

    WARM_UP = "warm-up"
    RUNNING = "running"
    JUDGED = "judged"
    CONFIRMED = "confirmed"


class ScenarioResult(msgspec.Struct, frozen=True):
    """The result of one scenario.

    `judged_blocks` is the number of judged blocks in one process. Each part of a resumed run has its own processes, so
    the number is that of the part with the most blocks. `duration_s` is the time spent on cycles. `reason` says why the
    result is unknown.
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
    """The values of one gauge in one scenario, for plots. Points are (seconds, cycle, value)."""

    name: str
    scenario: str
    unit: str
    capacity: float | None
    points: list[tuple[float, int, float]]


class Report(msgspec.Struct, frozen=True):
    """The report of a run.

    `environment` has platform, Python, C library, CPUs and library versions. `notes` are sentences for the reader, for
    example on what could not be measured and why. `harness` has the gauges of the harness itself. `counts` are the sums
    over all scenarios. `segments` is the number of parts of a run that was resumed, otherwise 1.
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
    interrupted: Annotated[
        bool, Meta(description="Whether a signal ended the run, or the watched agent stopped answering.")
    ] = False
    finished: Annotated[
        bool,
        Meta(
            description="Whether this is the final report of its run, interrupted or not. False: written during the "
            "run, which may have been killed."
        ),
    ] = True
    scenarios: list[ScenarioResult] = []
    harness: list[GaugeResult] = []
    memory: list[dict[str, Any]] = []
    """A row for each line of code that kept memory in a memray window.

    Each row has the window's `scenario`, start (`at`) and length (`seconds`), and the `line` with its `bytes` and
    `allocations`.
    """
    segments: int = 1
    notes: list[str] = []
    series: list[SeriesResult] = []
    product: Product = Product()
    schema_version: int = SCHEMA_VERSION

    @property
    def cycles(self) -> int:
        """The number of judged cycles of the whole run."""
        return self.counts.judged_cycles

    @property
    def is_watch(self) -> bool:
        """Whether the run watched a running agent instead of driving its own."""
        return [one.name for one in self.scenarios] == [ATTACHED]
