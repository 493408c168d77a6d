"""The data types of the report that `mobifai profile run` and `attach` write. Frozen values, no I/O."""

from typing import Any, Literal

import msgspec

from mobifai.errors import MobiFaiError
from soak.gauges.results import Product

ProfileVerdict = Literal["clean", "found", "failed", "inconclusive", "unfinished"]
"""The result of a run. Reports written during the run have `unfinished`, which remains if the run is killed."""

EXIT_STATUS: dict[ProfileVerdict, int] = {"clean": 0, "found": 1, "failed": 3, "inconclusive": 4, "unfinished": 4}
"""The exit status of each verdict. The numbers mean the same as for `mobifai soak`; 2 means wrong usage."""

Confidence = Literal["high", "medium", "low"]


class ProfileError(MobiFaiError):
    """An investigation can't begin or can't continue."""


ATTACHED = "attached"
"""The name that reports of `mobifai profile attach` have in place of a scenario. Their rates are per window of time."""


def step_of(scenario: str) -> str:
    """Return the unit that the rates of a scenario refer to: `window` (of time) for `attach`, otherwise `cycle`."""
    return "window" if scenario == ATTACHED else "cycle"


SCHEMA_VERSION = 2
"""The schema version of report.json. It increases when programs that read the earlier format could misread a report."""


class Unjudged(msgspec.Struct, frozen=True):
    """Something that should have been judged and was not: neither a pass nor a failure.

    `what` names it, such as `scenario mixed`, and `why` is the reason.
    """

    what: str
    why: str
    scenario: str = ""


EVERYTHING = "everything"
"""The value of `Unjudged.what` if nothing was judged."""
EVERYTHING_ELSE = "everything else"
_NOTHING = {EVERYTHING: "nothing was judged", EVERYTHING_ELSE: "nothing else was judged"}


def not_judged(one: Unjudged) -> str:
    """Return a sentence, without a full stop, that says what was not judged and why."""
    return f"{_NOTHING.get(one.what, f'{one.what} was not judged')}, because {one.why}"


class NextStep(msgspec.Struct, frozen=True):
    """A suggested next step. `what` describes it. `command` is complete and quoted for a shell, or empty."""

    what: str
    command: str = ""


class CodeLocation(msgspec.Struct, frozen=True):
    """A line of a program. `function` is the qualified name of the function around the line, or empty if unknown."""

    file: str
    line: int
    function: str = ""


class DoseResult(msgspec.Struct, frozen=True):
    """The result of the dose test of one culprit with one primitive.

    `primitive` is an action of a phone: `connect`, `terminal`, `prompt` or `refusal`. A dose is a fixed number of such
    actions. The test measures the culprit's growth after one, two and four doses: `doses` has the three numbers of
    actions, and `grown` the three amounts, in `unit`. `scales` is true if the growth is in proportion to the actions.
    """

    primitive: str
    doses: tuple[int, int, int]
    grown: tuple[float, float, float]
    scales: bool
    unit: str = ""


class Culprit(msgspec.Struct, frozen=True):
    """One cause of growth.

    `kind`: `container` (a container that only gets longer), `allocation` (memory without a known holder), `native`
    (memory of the C heap), `descriptor`, `thread`, `task`, `child`, `child-memory`, `file`, `row`, `frozen`, `garbage`.

    `file`, `line` and `function` are the line that keeps the memory or, if that line is unknown, the line that
    allocates the memory. `retained_by` is the path of references, from a module or a frame, that keeps the memory
    alive, or empty if unknown.

    `bytes_per_cycle` and `objects_per_cycle` are rates per cycle of the scenario (for an attached agent: per window).
    `scales_with` names the actions of a phone with which the growth is in proportion, or is empty. `replay` is the
    command that reproduces the growth.
    """

    kind: str
    file: str
    line: int
    function: str
    retained_by: str
    bytes_per_cycle: float
    objects_per_cycle: float
    per_24h: float
    """Growth in 24 hours at this rate: in bytes, or as a number of objects if there are no bytes (see `unit`)."""
    scales_with: str
    confidence: Confidence
    replay: str
    what: str = ""
    """The growing thing in a few words: `list of Terminal`, `pipe`, `thread planted`."""
    unit: str = "bytes"
    """The unit of `per_24h`: `bytes` or `things`."""
    scenario: str = ""
    process: str = "agent"
    """The process that grows: `agent`, `keeper` or `relay`."""
    explains: list[str] = []
    """The names of soak's gauges whose rise this culprit explains."""
    made_at: list[CodeLocation] = []
    """Other lines that allocated memory which the culprit keeps; the most frequent line first."""
    library: CodeLocation | None = None
    """The innermost line of a library (or of Python) that the culprit's line called, or null."""
    started_by: CodeLocation | None = None
    """If the culprit is in a library: MobiFai's line that created the task in which the library runs, or null."""
    stack: list[CodeLocation] = []
    """The calls that led to the growth, the innermost first."""
    scales: list[DoseResult] = []
    """The results of the dose test, one for each primitive."""
    evidence: list[str] = []
    """The reasons why this line is named, as sentences."""

    @property
    def place(self) -> CodeLocation:
        """The line of this culprit."""
        return CodeLocation(self.file, self.line, self.function)


class Unattributed(msgspec.Struct, frozen=True):
    """A gauge that grows, with no line of code known as the cause. `why` says what was examined."""

    name: str
    per_cycle: float
    unit: str
    scenario: str
    why: str


class Overhead(msgspec.Struct, frozen=True):
    """The cost of the examination for the examined process.

    `seconds` and `windows` are its duration and its number of windows. `peak_bytes` is the most memory that tracing
    took. `left_bytes` and `left_objects` remained in the process afterwards; they are null if they were not measured.
    """

    seconds: float = 0.0
    windows: int = 0
    peak_bytes: int = 0
    left_bytes: int | None = None
    left_objects: int | None = None
    longest_pause_s: float | None = None
    """The longest time, in seconds, for which the event loop was blocked. Null if not measured."""


class ProfileSettings(msgspec.Struct, frozen=True):
    """The settings of a run, from its options.

    `mobifai profile compare` requires that `time_scale`, `phones`, `plant`, `memray` and `seconds` are equal in both
    reports. `seconds` and `state_dir` belong to `attach`: the duration, and the state directory of the agent.
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
    """How much of a scenario was judged.

    `windows` is the number of windows, and `cycles` the number of cycles in all of them. The cycles before the first
    window are the warm-up. For a scenario that was not judged, `why` is the reason.
    """

    scenario: str
    state: Literal["judged", "unjudged"]
    cycles: int = 0
    warm_up_cycles: int = 0
    windows: int = 0
    why: str = ""


class FindingOutcome(msgspec.Struct, frozen=True):
    """The outcome for one finding of a soak report that `mobifai profile run --from` was to explain.

    `state` is `explained` (a culprit accounts for the finding), `unattributed` (the gauge rose in this run too, but no
    line can be named), `not_reproduced` (the gauge did not rise in this run), or `unjudged` (the finding was not
    examined, or is of a kind that can't be examined in this way). `why` is the reason in the last two cases.

    `kind`, `name`, `scenario`, `detail` and `replay` are those of soak's finding.
    """

    kind: str
    name: str
    scenario: str
    state: Literal["explained", "unattributed", "not_reproduced", "unjudged"]
    detail: str
    why: str = ""
    replay: str = ""


class ProfileReport(msgspec.Struct, frozen=True):
    """The report of `mobifai profile run` or `attach`.

    `mode` is `run`, `from` (the run explained a soak report) or `attach`. `cycles` is the number of judged cycles in
    all `scenarios`; for `attach`, it is the number of windows. `unattributed` has the gauges that grow without a
    culprit. `soak_findings` has the outcomes of a soak report's findings. `unjudged` has everything that was not
    judged, with the reasons. `notes` are sentences.
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
