"""Messages about terminals (section 5 of docs/reference/protocol.md).

Sizes are any integers here; the terminal checks their range.
"""

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
    """`process:terminate`: close the tab `uuid`. From the agent, `process:terminated`: this tab was closed."""

    uuid: Id


class Exit(Message, frozen=True):
    """How a shell ended: with an exit status, or by a signal, which is given by its name."""

    status: int | UnsetType = UNSET
    signal: str | UnsetType = UNSET


class ProcessExited(Message, frozen=True):
    """`process:exited`: a shell ended.

    Phones with `exits` also receive how it ended (`exited`), and whether the terminal's screen is `kept`.
    """

    uuid: str
    exited: Exit | UnsetType = UNSET
    kept: bool = False


class ProcessNamed(Message, frozen=True):
    """`process:rename`: name a tab.

    From the agent, `process:created` and `process:renamed`: a tab and its present name.
    """

    uuid: Id
    name: Annotated[str, Meta(min_length=1, max_length=limits.MAX_NAME)]


class ProcessSwitch(Message, frozen=True, omit_defaults=False):
    """`process:switch`: show these terminals. The agent then sends the output of these terminals only."""

    active_uuids: Annotated[tuple[Id, ...], Meta(max_length=512)]


class ProcessData(Message, frozen=True):
    """`terminal:input`: text to type into a terminal."""

    uuid: Id
    data: Text


class Output(Message, frozen=True):
    """`process:screen`: part of a replay. `terminal:output`: new output.

    Phones with `ack` or `resume` also receive positions in the terminal's stream, in bytes: `offset` is that of the
    first byte, and `end` that after the last byte. In a replay, only the last part has `end`, and no part has `offset`.
    `skipped` is the number of bytes that were left out.
    """

    uuid: str
    data: str
    offset: int | None = None
    end: int | None = None
    skipped: int | None = None


class TerminalAck(Message, frozen=True):
    """`terminal:ack`, from phones with `ack`: a terminal's output is rendered up to the position `end`."""

    uuid: Id
    end: Position


class ResumePoint(Message, frozen=True):
    """The output of one terminal that a phone already has: that of `stream` up to the position `end`.

    The phone has none if these fields are missing.
    """

    uuid: Id
    stream: Id | None = None
    end: Position | None = None


class TerminalResume(Message, frozen=True):
    """`terminal:resume`, from phones with `resume`: continue the output of these terminals from these positions."""

    terminals: Annotated[tuple[ResumePoint, ...], Meta(max_length=512)]


class ProcessError(Message, frozen=True):
    """`process:error`: a request of the phone failed. `uuid` is the terminal's id, or empty without a terminal."""

    uuid: str
    error: str


class ProcessPrinted(Message, frozen=True):
    """`process:printed`: a terminal that the phone does not show has printed output.

    The agent sends this once, and again only after the phone has shown the terminal.
    """

    uuid: str
    end: int


class ProcessInfo(Message, frozen=True, omit_defaults=False):
    """One terminal in `processes:sync`. `created_at` is in milliseconds since the epoch.

    Phones with `resume` also receive the id of its output stream (`stream`) and the stream's length in bytes (`end`).
    Phones with `exits` receive how its shell ended (`exited`), if it has ended.
    """

    uuid: str
    name: str
    created_at: Number
    stream: str | UnsetType = UNSET
    end: int | UnsetType = UNSET
    exited: Exit | UnsetType = UNSET


class ProcessesSync(Message, frozen=True, omit_defaults=False):
    """`processes:sync`: all terminals of the agent, and the ids of those that are shown.

    `resume`: the agent waits for a `terminal:resume`. `window`: how many bytes of a terminal's output the agent sends
    before it waits for a `terminal:ack`.
    """

    processes: tuple[ProcessInfo, ...]
    active_uuids: tuple[str, ...]
    resume: bool | UnsetType = UNSET
    window: int | UnsetType = UNSET


class TypedAction(Message, frozen=True):
    """One entry of `terminal:actions`. A `command` is typed and followed by Enter; a `text` is only typed."""

    type: Literal["text", "command"]
    value: Text
    label: Name | None = None


class TerminalActions(Message, frozen=True):
    """`terminal:actions`: entries to type into a terminal, in order."""

    uuid: Id
    actions: Annotated[tuple[TypedAction, ...], Meta(max_length=limits.MAX_ACTIONS)]


class TerminalResize(Message, frozen=True):
    """`terminal:resize` and `terminal:dimensions`: the size of a terminal, or of all terminals if `uuid` is missing."""

    cols: Number
    rows: Number
    uuid: Id | None = None


class SystemMessage(Message, frozen=True):
    """`system:message`: a notice of the agent, such as `terminal_ready`."""

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
"""Handlers of a phone's requests about terminals, by event."""
