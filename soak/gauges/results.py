"""The report of a run: what every writer writes and every reader reads. Frozen values, no I/O."""

from enum import StrEnum
from typing import Any, Literal

import msgspec

Verdict = Literal["held", "leak", "breach", "failed", "inconclusive", "unfinished"]
"""`unfinished`: written while the run went on, with nothing found until then. A run that was killed keeps it."""

EXIT_STATUS: dict[Verdict, int] = {
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


class BoundResult(msgspec.Struct, frozen=True):
    """One limit, over the whole run. `exercised`: it was filled to its capacity at least once.

    `why` says what filled it, or why nothing did. `capacity` is the value under test, which a provocation may have made
    smaller than the default.
    """

    name: str
    capacity: int
    unit: str
    peak: int
    evicted: int
    exercised: bool
    why: str = ""


class RestResult(msgspec.Struct, frozen=True):
    """A count with everybody gone: after the warm-up, and at the end."""

    name: str
    before: float
    after: float
    scenario: str = ""


class GaugeResult(msgspec.Struct, frozen=True):
    """What became of one gauge. `smallest_leak` is the least rise for each cycle that would have been seen."""

    name: str
    unit: str
    per_cycle: float
    verdict: Literal["flat", "rising", "unmeasured"]
    smallest_leak: float
    scenario: str = ""


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


class ScenarioResult(msgspec.Struct, frozen=True):
    """One scenario's part. `phase` is how far it came: `warm-up`, `judged`, `confirmed`."""

    name: str
    cycles: int
    warm_up_cycles: int
    blocks: int
    duration_s: float
    phase: str
    traffic: TrafficResult


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
    what could not be measured, and why. `harness` is what the harness itself had, by the same gauges. `finished` is
    false in a report that was written while the run went on.
    """

    verdict: Verdict
    cycles: int
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
    interrupted: bool = False
    finished: bool = True
    scenarios: list[ScenarioResult] = []
    harness: list[GaugeResult] = []
    memory: list[dict[str, Any]] = []
    """memray's windows: when, how long, which lines kept most."""
    segments: int = 1
    notes: list[str] = []
    series: list[SeriesResult] = []
