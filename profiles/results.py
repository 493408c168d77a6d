"""The report of a hunt: what every writer writes and every reader reads. Frozen values, no I/O."""

from typing import Any, Literal

import msgspec

from mobifai.errors import MobiFaiError
from soak.gauges.results import Product

ProfileVerdict = Literal["clean", "found", "failed", "inconclusive", "unfinished"]
"""`unfinished`: written while the run went on. A run that was killed keeps it."""

EXIT_STATUS: dict[ProfileVerdict, int] = {"clean": 0, "found": 1, "failed": 3, "inconclusive": 4, "unfinished": 4}
"""The exit status of each verdict, as those of `mobifai soak`; 2 is left for usage."""

Confidence = Literal["high", "medium", "low"]


class ProfileError(MobiFaiError):
    """A hunt can't begin, or can't go on."""


ATTACHED = "attached"
"""Stands for a scenario where an agent that is used was looked into: a cycle is a window of time there."""


def step_of(scenario: str) -> str:
    """What rates of a scenario are for: a cycle, or a window of time."""
    return "window" if scenario == ATTACHED else "cycle"


SCHEMA_VERSION = 1
"""Of report.json: larger whenever a reader of the one before could take a report for something else."""


class Unjudged(msgspec.Struct, frozen=True):
    """Something that was to be judged and was not, which is neither a pass nor a failure; `why` is the reason."""

    what: str
    why: str
    scenario: str = ""


EVERYTHING = "everything"
"""What was not judged when nothing was."""
EVERYTHING_ELSE = "everything else"
_NOTHING = {EVERYTHING: "nothing was judged", EVERYTHING_ELSE: "nothing else was judged"}


def not_judged(one: Unjudged) -> str:
    """Return the sentence for something that was not judged."""
    return f"{_NOTHING.get(one.what, f'{one.what} was not judged')}, because {one.why}"


class NextStep(msgspec.Struct, frozen=True):
    """What to do next: `command` is whole, and quoted for a shell; empty where there is none."""

    what: str
    command: str = ""


class CodeLocation(msgspec.Struct, frozen=True):
    """A line of a program. `function` is its qualified name, empty where the source is not there."""

    file: str
    line: int
    function: str = ""


class DoseResult(msgspec.Struct, frozen=True):
    """The dose test of one primitive (`connect`, `terminal`, `prompt`, `refusal`).

    `grown` is by how much the culprit grew with 1, 2 and 4 doses (`doses` primitives each), in `unit`.
    """

    primitive: str
    doses: tuple[int, int, int]
    grown: tuple[float, float, float]
    scales: bool
    unit: str = ""


class Culprit(msgspec.Struct, frozen=True):
    """One cause of growth.

    `kind`: `container` (something that only ever gets longer), `allocation` (memory that nothing known holds),
    `native` (memory of the C heap), `descriptor`, `thread`, `task`, `child`, `child-memory`, `file`, `row`, `frozen`,
    `listener`. `file`, `line`, `function` say where it happens: the line that keeps it, else the line that makes it.
    `retained_by` is the path from a module or a frame to what holds it, with the names of attributes; empty when
    nothing is known to hold it. Rates are for each cycle of the scenario (for an attached agent: each window).
    `replay` is the command that shows it again.
    """

    kind: str
    file: str
    line: int
    function: str
    retained_by: str
    bytes_per_cycle: float
    objects_per_cycle: float
    per_24h: float
    """Of bytes; of objects where there are no bytes (descriptors, threads, rows ...)."""
    scales_with: str
    confidence: Confidence
    replay: str
    what: str = ""
    """In a few words what grows: `list of Terminal`, `pipe`, `thread planted`."""
    unit: str = "bytes"
    """Of `per_24h`."""
    scenario: str = ""
    process: str = "agent"
    """The process that it was found in: `agent`, `keeper` or `relay`."""
    explains: list[str] = []
    """The gauges of soak whose rise it explains."""
    made_at: list[CodeLocation] = []
    """Where what is kept was made, when that is elsewhere; most first."""
    library: CodeLocation | None = None
    """The innermost line, when that is in a library that our line calls."""
    brought_about_by: CodeLocation | None = None
    """The line of ours that calls it, or made the task that does, when the culprit is not ours."""
    stack: list[CodeLocation] = []
    """How it came there, the innermost call first."""
    scales: list[DoseResult] = []
    evidence: list[str] = []
    """Sentences: what the judgement rests on."""

    @property
    def place(self) -> CodeLocation:
        """Where it is."""
        return CodeLocation(self.file, self.line, self.function)


class Unattributed(msgspec.Struct, frozen=True):
    """Something that grows, and no line can be named for it. `why` says what was looked at."""

    name: str
    per_cycle: float
    unit: str
    scenario: str
    why: str


class Overhead(msgspec.Struct, frozen=True):
    """What looking added to the process that was looked at.

    `peak_bytes` is the most that tracing had at one time; `left_bytes`, `left_objects` what is there afterwards and
    was not before.
    """

    seconds: float = 0.0
    windows: int = 0
    peak_bytes: int = 0
    left_bytes: int | None = None
    left_objects: int | None = None
    longest_pause_s: float | None = None
    """The longest time for which the process could do nothing else. Null, as both above, where it was not measured."""


class ProfileSettings(msgspec.Struct, frozen=True):
    """What was asked for: two reports are compared only where these are the same.

    `seconds` is the length of the look into the running agent of `state_dir`; for the others 0 and empty.
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
    """The process that was named; None: none was."""


class ScenarioCoverage(msgspec.Struct, frozen=True):
    """How much of a scenario was looked at.

    `cycles` are those between the first of the `windows` and the last, which decide; those before it are the warm-up.
    A scenario that is not judged has the reason in `why`.
    """

    scenario: str
    state: Literal["judged", "unjudged"]
    cycles: int = 0
    warm_up_cycles: int = 0
    windows: int = 0
    why: str = ""


class FindingOutcome(msgspec.Struct, frozen=True):
    """A finding of a soak report that was to be explained, and what became of it.

    `explained`: a culprit accounts for it. `unattributed`: it rose here too, and no line can be named.
    `not_reproduced`: it did not rise here. `unjudged`: it was not looked at, or can't be by these means. `detail` is
    soak's sentence, `why` the reason of the last two.
    """

    kind: str
    name: str
    scenario: str
    state: Literal["explained", "unattributed", "not_reproduced", "unjudged"]
    detail: str
    why: str = ""
    replay: str = ""


class ProfileReport(msgspec.Struct, frozen=True):
    """The whole of it. `mode`: `run`, `from`, `attach`. `notes` are sentences for a person.

    `cycles` is the sum of those of `scenarios`; of an attached agent it counts windows. `sought` has the findings of
    the soak report that `from` was to explain. What was not judged is in `unjudged`, with the reason of each.
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
    sought: list[FindingOutcome] = []
    unjudged: list[Unjudged] = []
    next_steps: list[NextStep] = []
    product: Product = Product()
    schema_version: int = SCHEMA_VERSION
