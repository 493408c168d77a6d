"""The data types of the report of `mobifai profile run` and `attach`. Frozen values, no I/O."""

from typing import Any, Literal

import msgspec

from mobifai.errors import MobiFaiError
from soak.gauges.results import Product

ProfileVerdict = Literal["clean", "found", "failed", "inconclusive", "unfinished"]
"""`unfinished` is written during the run, and remains if the run is killed."""

EXIT_STATUS: dict[ProfileVerdict, int] = {"clean": 0, "found": 1, "failed": 3, "inconclusive": 4, "unfinished": 4}
"""The exit status of each verdict, as in `mobifai soak`; 2 means wrong usage."""

Confidence = Literal["high", "medium", "low"]


class ProfileError(MobiFaiError):
    """An investigation can't begin or can't continue."""


ATTACHED = "attached"
"""Stands for a scenario in reports of `attach`, where a cycle is a window of time."""


def step_of(scenario: str) -> str:
    """Return the unit that rates of a scenario refer to: a cycle, or a window of time."""
    return "window" if scenario == ATTACHED else "cycle"


SCHEMA_VERSION = 2
"""The schema version of report.json. A version that readers of the previous one could misread gets a new number."""


class Unjudged(msgspec.Struct, frozen=True):
    """Something that should have been judged and was not: neither a pass nor a failure. `why` is the reason."""

    what: str
    why: str
    scenario: str = ""


EVERYTHING = "everything"
"""`what` of an Unjudged if nothing was judged."""
EVERYTHING_ELSE = "everything else"
_NOTHING = {EVERYTHING: "nothing was judged", EVERYTHING_ELSE: "nothing else was judged"}


def not_judged(one: Unjudged) -> str:
    """Return a sentence about something that was not judged."""
    return f"{_NOTHING.get(one.what, f'{one.what} was not judged')}, because {one.why}"


class NextStep(msgspec.Struct, frozen=True):
    """A suggested next step. `command` is complete and quoted for a shell, or empty."""

    what: str
    command: str = ""


class CodeLocation(msgspec.Struct, frozen=True):
    """A line of a program. `function` is its qualified name, empty without the source."""

    file: str
    line: int
    function: str = ""


class DoseResult(msgspec.Struct, frozen=True):
    """The dose test of one primitive, an action of a phone: `connect`, `terminal`, `prompt` or `refusal`.

    `grown` is the culprit's growth after 1, 2 and 4 doses, in `unit`. `doses` has the number of primitives in each.
    """

    primitive: str
    doses: tuple[int, int, int]
    grown: tuple[float, float, float]
    scales: bool
    unit: str = ""


class Culprit(msgspec.Struct, frozen=True):
    """One cause of growth.

    `kind`: `container` (it only gets longer), `allocation` (memory without a known holder), `native` (memory of the C
    heap), `descriptor`, `thread`, `task`, `child`, `child-memory`, `file`, `row`, `frozen`, `listener`. `file`, `line`
    and `function` are those of the line that keeps the memory or, if that is unknown, of the line that allocates it.
    `retained_by` is the path from a module or a frame to the holder, with the names of attributes, or empty if unknown.
    Rates are per cycle of the scenario (for an attached agent: per window). `replay` is the command that reproduces the
    growth.
    """

    kind: str
    file: str
    line: int
    function: str
    retained_by: str
    bytes_per_cycle: float
    objects_per_cycle: float
    per_24h: float
    """Growth in 24 hours: bytes, or objects where there are no bytes (descriptors, threads, rows ...)."""
    scales_with: str
    confidence: Confidence
    replay: str
    what: str = ""
    """The growing thing in a few words: `list of Terminal`, `pipe`, `thread planted`."""
    unit: str = "bytes"
    """The unit of `per_24h`."""
    scenario: str = ""
    process: str = "agent"
    """The process: `agent`, `keeper` or `relay`."""
    explains: list[str] = []
    """The gauges of soak whose rise this culprit explains."""
    made_at: list[CodeLocation] = []
    """Where the kept memory was allocated, if elsewhere; the most frequent line first."""
    library: CodeLocation | None = None
    """The innermost line, if it is in a library that the program calls."""
    started_by: CodeLocation | None = None
    """For a culprit in a library: the program's line that calls the library, or that created the task which runs it."""
    stack: list[CodeLocation] = []
    """The calls that led to it, the innermost first."""
    scales: list[DoseResult] = []
    evidence: list[str] = []
    """The reasons for this attribution, as sentences."""

    @property
    def place(self) -> CodeLocation:
        """The line of this culprit."""
        return CodeLocation(self.file, self.line, self.function)


class Unattributed(msgspec.Struct, frozen=True):
    """A gauge that grows without a known line. `why` says what was examined."""

    name: str
    per_cycle: float
    unit: str
    scenario: str
    why: str


class Overhead(msgspec.Struct, frozen=True):
    """The cost of the examination for the examined process.

    `peak_bytes` is the most memory that tracing took; `left_bytes` and `left_objects` remained afterwards.
    """

    seconds: float = 0.0
    windows: int = 0
    peak_bytes: int = 0
    left_bytes: int | None = None
    left_objects: int | None = None
    longest_pause_s: float | None = None
    """The longest time for which the event loop was blocked. Null if not measured, like the two fields above."""


class ProfileSettings(msgspec.Struct, frozen=True):
    """The settings of a run. Only reports with equal settings are compared.

    `seconds` and `state_dir` belong to `attach`: its duration, and the state directory of the agent.
    """

    scenarios: list[str] = []
    time_scale: float = 1.0
    phones: int = 0
    plant: str | None = None
    dose: bool = False
    memray: bool | None = None
    seconds: float = 0.0
    state_dir: str = ""
    process: str | None = None
    """The value of `--process`, if given."""


class ScenarioCoverage(msgspec.Struct, frozen=True):
    """The part of a scenario that was judged.

    `cycles` counts the cycles from the first to the last of the `windows`; earlier cycles are the warm-up. For a
    scenario that is not judged, `why` is the reason.
    """

    scenario: str
    state: Literal["judged", "unjudged"]
    cycles: int = 0
    warm_up_cycles: int = 0
    windows: int = 0
    why: str = ""


class FindingOutcome(msgspec.Struct, frozen=True):
    """The outcome of a soak finding that was to be explained.

    `explained`: a culprit accounts for it. `unattributed`: it rose here too, but no line can be named.
    `not_reproduced`: it did not rise here. `unjudged`: it was not examined, or can't be examined in this way. `detail`
    is soak's description; `why` is the reason in the last two cases.
    """

    kind: str
    name: str
    scenario: str
    state: Literal["explained", "unattributed", "not_reproduced", "unjudged"]
    detail: str
    why: str = ""
    replay: str = ""


class ProfileReport(msgspec.Struct, frozen=True):
    """The report. `mode` is `run`, `from` (the run explained a soak report) or `attach`. `notes` are sentences.

    `cycles` is the sum over `scenarios`; for an attached agent it counts windows. `soak_findings` has the outcomes of
    the findings of a soak report that were to be explained. `unjudged` has everything that was not judged, and why.
    """

    verdict: ProfileVerdict
    mode: str
    culprits: list[Culprit]
    unattributed: list[Unattributed]
    seed: int
    cycles: int
    duration_s: float
    environment: dict[str, Any]
    command: str = ""
    started_at: str = ""
    overhead: Overhead = Overhead()
    notes: list[str] = []
    settings: ProfileSettings = ProfileSettings()
    scenarios: list[ScenarioCoverage] = []
    soak_findings: list[FindingOutcome] = []
    unjudged: list[Unjudged] = []
    next_steps: list[NextStep] = []
    product: Product = Product()
    schema_version: int = SCHEMA_VERSION
