"""The packets of Engine.IO 4 and Socket.IO 5 that the agent reads and writes: text only, payloads left as JSON.

Only the envelope of a packet is checked here. `protocol.messages` decodes the payload of an event.
"""

import re
from collections.abc import Callable
from typing import Annotated

import msgspec

from mobifai.limits import MAX_ID
from mobifai.protocol.codec import encode
from mobifai.protocol.plain_text import one_line

LEAST_SILENCE = 10.0
MOST_SILENCE = 120.0
"""The least and the most seconds of silence after which a relay counts as lost, whatever its opening packet says."""

PONG = "3"

_RESERVED = frozenset({"connect", "disconnect", "connect_error", "*"})
_FORM = re.compile(r"([0-4])(?:(/[^,]{0,64}),?)?([0-9]{0,15})(.*)\Z", re.DOTALL)

_Milliseconds = Annotated[float, msgspec.Meta(ge=0)]


class _Opening(msgspec.Struct, frozen=True, rename="camel"):
    """The first packet of a connection. The other fields that a relay sends are not used."""

    sid: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    ping_interval: _Milliseconds
    ping_timeout: _Milliseconds


class _Complaint(msgspec.Struct, frozen=True):
    message: str = ""


class Event(msgspec.Struct, frozen=True):
    """An event and its first argument, which is not decoded yet."""

    name: str
    payload: msgspec.Raw | None = None


class Ping(msgspec.Struct, frozen=True):
    """The relay asks for a pong."""


class Connected(msgspec.Struct, frozen=True):
    """The relay accepts the connection."""


class Refused(msgspec.Struct, frozen=True):
    """The relay does not accept the connection."""

    message: str


class Closed(msgspec.Struct, frozen=True):
    """The relay ends the connection."""


class Unused(msgspec.Struct, frozen=True):
    """A valid packet that an agent does not use."""


class Unreadable(msgspec.Struct, frozen=True):
    """An invalid packet."""

    reason: str


Packet = Event | Ping | Connected | Refused | Closed | Unused | Unreadable

_SHORT: dict[str, Packet] = {  # bounded by this table
    "1": Closed(),
    "2": Ping(),
    "3": Unused(),
    "5": Unused(),
    "6": Unused(),
}

_opening_decoder = msgspec.json.Decoder(_Opening)
_complaint_decoder = msgspec.json.Decoder(_Complaint)
_event_decoder = msgspec.json.Decoder(list[msgspec.Raw])
_name_decoder = msgspec.json.Decoder(str)


def read_opening(text: str) -> float:
    """Return the seconds of silence after which this relay counts as lost. Raises ValueError."""
    if not text.startswith("0"):
        raise ValueError("expected the opening of an Engine.IO connection")
    try:
        opening = _opening_decoder.decode(text[1:])
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ValueError(f"expected the opening of an Engine.IO connection: {one_line(error)}") from None
    return min(max((opening.ping_interval + opening.ping_timeout) / 1000, LEAST_SILENCE), MOST_SILENCE)


def read(text: str) -> Packet:
    """Parse a packet that follows the opening. Never raises."""
    short = _SHORT.get(text[:1])
    if short is not None:
        return short
    form = _FORM.match(text[1:]) if text.startswith("4") else None
    if form is None:
        return Unreadable("expected a text packet of Engine.IO")
    kind, namespace, _, rest = form.groups()
    return _READERS[kind](rest) if namespace in (None, "/") else Unused()


def _read_event(text: str) -> Event | Unreadable:
    try:
        name, *arguments = _event_decoder.decode(text)
        event = _name_decoder.decode(name)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        return Unreadable(f"expected a JSON array of an event's name and its payload: {one_line(error)}")
    if not event or event in _RESERVED or len(event) > MAX_ID:
        return Unreadable(f"expected an event's name of 1 to {MAX_ID} characters that Socket.IO does not reserve")
    return Event(event, arguments[0] if arguments else None)


def _complaint(text: str) -> str:
    try:
        return one_line(_complaint_decoder.decode(text).message)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return ""


_READERS: dict[str, Callable[[str], Packet]] = {  # bounded by this table
    "0": lambda _: Connected(),
    "1": lambda _: Closed(),
    "2": _read_event,
    "3": lambda _: Unused(),
    "4": lambda text: Refused(_complaint(text)),
}
"""Readers by the type of a Socket.IO packet."""


def connect_text(token: str | None) -> str:
    """Return the packet that opens the Socket.IO connection, with the agent's token if it has one."""
    return f"40{encode({'token': token}).decode()}"


def event_text(event: str, payload: object) -> str:
    """Return the packet of an event with its payload."""
    return f"42{encode([event, payload]).decode()}"
