"""Terminals (section 5). Sizes are plain integers here: the terminal checks their range."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from mobifai import limits
from mobifai.protocol.messages.fields import Id, Message, Name, Number, Position, Text


class ProcessCreate(Message, frozen=True):
    """`process:create`."""

    uuid: Id
    name: Name | None = None
    cols: Number | None = None
    rows: Number | None = None


class ProcessRef(Message, frozen=True):
    """`process:terminate`, and the agent's `process:terminated`."""

    uuid: Id


class Exit(Message, frozen=True):
    """How a shell ended: with a status, or by a signal of this name."""

    status: int | UnsetType = UNSET
    signal: str | UnsetType = UNSET


class ProcessExited(Message, frozen=True):
    """`process:exited`. Phones with `exits` also get how the shell ended, and `kept` when its last screen stays."""

    uuid: str
    exited: Exit | UnsetType = UNSET
    kept: bool = False


class ProcessNamed(Message, frozen=True):
    """`process:rename`, and the agent's `process:created` and `process:renamed`."""

    uuid: Id
    name: Annotated[str, Meta(min_length=1, max_length=limits.MAX_NAME)]


class ProcessSwitch(Message, frozen=True, omit_defaults=False):
    """`process:switch`: only these forward output."""

    active_uuids: Annotated[tuple[Id, ...], Meta(max_length=512)]


class ProcessData(Message, frozen=True):
    """`terminal:input`."""

    uuid: Id
    data: Text


class Output(Message, frozen=True):
    """`process:screen` and `terminal:output`.

    The rest is for phones with `ack` or `resume`: positions in the terminal's stream, in bytes, of the first byte and
    after the last one (of a screen only its last part has `end`, and none `offset`), and how many bytes are left out.
    """

    uuid: str
    data: str
    offset: int | None = None
    end: int | None = None
    skipped: int | None = None


class TerminalAck(Message, frozen=True):
    """`terminal:ack`, for phones with `ack`: all of a terminal's output up to the position `end` is rendered."""

    uuid: Id
    end: Position


class Place(Message, frozen=True):
    """How far a phone is with one terminal: it has all of `stream` up to `end`. Without them, nothing."""

    uuid: Id
    stream: Id | None = None
    end: Position | None = None


class TerminalResume(Message, frozen=True):
    """`terminal:resume`, for phones with `resume`: go on from there with these terminals."""

    terminals: Annotated[tuple[Place, ...], Meta(max_length=512)]


class ProcessError(Message, frozen=True):
    """`process:error`; `uuid` is empty when the message named none."""

    uuid: str
    error: str


class ProcessPrinted(Message, frozen=True):
    """A terminal that the phone does not show has printed, up to here: once, until it was shown again."""

    uuid: str
    end: int


class ProcessInfo(Message, frozen=True, omit_defaults=False):
    """One terminal of `processes:sync`. `created_at` is in ms since the epoch.

    For phones with `resume`: the name of the stream of its bytes, and how many of them there are. For phones with
    `exits`: how its shell ended, if it has.
    """

    uuid: str
    name: str
    created_at: Number
    stream: str | UnsetType = UNSET
    end: int | UnsetType = UNSET
    exited: Exit | UnsetType = UNSET


class ProcessesSync(Message, frozen=True, omit_defaults=False):
    """`processes:sync`.

    `resume`: the agent waits for a `terminal:resume`. `window`: bytes of a terminal's output that it sends before it
    waits for a `terminal:ack`.
    """

    processes: tuple[ProcessInfo, ...]
    active_uuids: tuple[str, ...]
    resume: bool | UnsetType = UNSET
    window: int | UnsetType = UNSET


class Action(Message, frozen=True):
    """One entry of `terminal:actions`: `command` is typed with Enter, `text` without."""

    type: Literal["text", "command"]
    value: Text
    label: Name | None = None


class TerminalActions(Message, frozen=True):
    """`terminal:actions`."""

    uuid: Id
    actions: Annotated[tuple[Action, ...], Meta(max_length=limits.MAX_ACTIONS)]


class TerminalResize(Message, frozen=True):
    """`terminal:resize` and `terminal:dimensions`; without `uuid` all terminals."""

    cols: Number
    rows: Number
    uuid: Id | None = None


class SystemMessage(Message, frozen=True):
    """`system:message`."""

    type: str


TerminalInput = ProcessData | Text
