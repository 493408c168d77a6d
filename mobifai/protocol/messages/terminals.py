"""Terminals (section 5). Sizes are plain integers; the terminal checks their range."""

from collections.abc import Callable
from typing import Annotated, Literal, TypedDict

from msgspec import UNSET, Meta, UnsetType

from mobifai import limits
from mobifai.protocol.ids import Id
from mobifai.protocol.messages.fields import Message, Name, Number, Position, Text


class ProcessCreate(Message, frozen=True):
    """`process:create`: open a tab with a new shell."""

    uuid: Id
    name: Name | None = None
    cols: Number | None = None
    rows: Number | None = None


class ProcessRef(Message, frozen=True):
    """`process:terminate`: close this tab. The agent's `process:terminated`: this tab was closed."""

    uuid: Id


class Exit(Message, frozen=True):
    """How a shell ended: its exit status, or the name of a signal."""

    status: int | UnsetType = UNSET
    signal: str | UnsetType = UNSET


class ProcessExited(Message, frozen=True):
    """`process:exited`: a shell ended. Phones with `exits` also get how (`exited`) and whether its screen is `kept`."""

    uuid: str
    exited: Exit | UnsetType = UNSET
    kept: bool = False


class ProcessNamed(Message, frozen=True):
    """`process:rename`, and the agent's `process:created` and `process:renamed`: a tab, and its name from now on."""

    uuid: Id
    name: Annotated[str, Meta(min_length=1, max_length=limits.MAX_NAME)]


class ProcessSwitch(Message, frozen=True, omit_defaults=False):
    """`process:switch`: send the output of these terminals only."""

    active_uuids: Annotated[tuple[Id, ...], Meta(max_length=512)]


class ProcessData(Message, frozen=True):
    """`terminal:input`: text to type into a terminal."""

    uuid: Id
    data: Text


class Output(Message, frozen=True):
    """`process:screen` and `terminal:output`: part of a replay, or new output.

    Phones with `ack` or `resume` also get byte positions in the terminal's stream: `offset` of the first byte, and
    `end` after the last one. Of a screen, only the last part has `end`, and no part has `offset`. `skipped` is the
    number of bytes left out.
    """

    uuid: str
    data: str
    offset: int | None = None
    end: int | None = None
    skipped: int | None = None


class TerminalAck(Message, frozen=True):
    """`terminal:ack`, for phones with `ack`: a terminal's output is rendered up to the position `end`."""

    uuid: Id
    end: Position


class ResumePoint(Message, frozen=True):
    """The output of one terminal that a phone has: `stream` up to `end`, or nothing if these are missing."""

    uuid: Id
    stream: Id | None = None
    end: Position | None = None


class TerminalResume(Message, frozen=True):
    """`terminal:resume`, for phones with `resume`: continue these terminals from these positions."""

    terminals: Annotated[tuple[ResumePoint, ...], Meta(max_length=512)]


class ProcessError(Message, frozen=True):
    """`process:error`: a request of the phone failed. `uuid` is the terminal, or empty if the error names none."""

    uuid: str
    error: str


class ProcessPrinted(Message, frozen=True):
    """`process:printed`: a terminal that the phone does not show has printed. Sent once until the phone shows it."""

    uuid: str
    end: int


class ProcessInfo(Message, frozen=True, omit_defaults=False):
    """One terminal of `processes:sync`. `created_at` is in ms since the epoch.

    Phones with `resume` also get the id of its output stream, and the stream's length in bytes. Phones with `exits`
    get how its shell ended, if it has.
    """

    uuid: str
    name: str
    created_at: Number
    stream: str | UnsetType = UNSET
    end: int | UnsetType = UNSET
    exited: Exit | UnsetType = UNSET


class ProcessesSync(Message, frozen=True, omit_defaults=False):
    """`processes:sync`: all terminals of the agent.

    `resume`: the agent waits for a `terminal:resume`. `window`: how many bytes of a terminal's output the agent sends
    before it waits for a `terminal:ack`.
    """

    processes: tuple[ProcessInfo, ...]
    active_uuids: tuple[str, ...]
    resume: bool | UnsetType = UNSET
    window: int | UnsetType = UNSET


class TypedAction(Message, frozen=True):
    """One entry of `terminal:actions`: `command` is typed with Enter, `text` without."""

    type: Literal["text", "command"]
    value: Text
    label: Name | None = None


class TerminalActions(Message, frozen=True):
    """`terminal:actions`: entries to type into a terminal, in order."""

    uuid: Id
    actions: Annotated[tuple[TypedAction, ...], Meta(max_length=limits.MAX_ACTIONS)]


class TerminalResize(Message, frozen=True):
    """`terminal:resize` and `terminal:dimensions`. Without `uuid` they apply to all terminals."""

    cols: Number
    rows: Number
    uuid: Id | None = None


class SystemMessage(Message, frozen=True):
    """`system:message`: a text for the user."""

    type: str


TerminalInput = ProcessData | Text


TerminalHandlers = TypedDict(
    "TerminalHandlers",
    {
        "process:create": Callable[[ProcessCreate], None],
        "process:terminate": Callable[[ProcessRef], None],
        "process:rename": Callable[[ProcessNamed], None],
        "process:switch": Callable[[ProcessSwitch], None],
        "terminal:input": Callable[[TerminalInput], None],
        "terminal:actions": Callable[[TerminalActions], None],
        "terminal:resize": Callable[[TerminalResize], None],
        "terminal:dimensions": Callable[[TerminalResize], None],
        "terminal:ack": Callable[[TerminalAck], None],
        "terminal:resume": Callable[[TerminalResume], None],
    },
)
"""Handlers of the requests of a phone about terminals, by event."""
