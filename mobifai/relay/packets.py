"""Packets of Engine.IO 4 and Socket.IO 5, as far as this relay uses them: text only, with payloads as raw JSON.

Only the outer form of a device's packet is checked here; `protocol.messages` decodes its payload. Functions for packets
of the relay return the payload of a WebSocket frame as bytes.
"""

import re
from dataclasses import dataclass
from enum import Enum
from struct import Struct

import msgspec

from mobifai.limits import MAX_ID
from mobifai.protocol.codec import encode

MALFORMED = ""
"""The event name that stands for a malformed event. A device can't send it, since an empty name is malformed."""

_RESERVED = frozenset({"connect", "disconnect", "connect_error", "*"})
_FORM = re.compile(r"4([012])(?:(/[^,]{0,64}),?)?([0-9]{0,15})(.*)\Z", re.DOTALL)

_TEXT = 0x81
_LONGER, _LONGEST = 126, 1 << 16
_HEADER, _LONG_HEADER = Struct("!BBH"), Struct("!BBQ")


class _EventArray(msgspec.Struct, array_like=True, frozen=True):
    """The JSON array in the packet of an event: its name, then its payloads. Those after the second are ignored."""

    name: str
    first: msgspec.Raw = msgspec.Raw()
    second: msgspec.Raw = msgspec.Raw()


_decoder = msgspec.json.Decoder(_EventArray)


class PacketType(Enum):
    """The type of a device's packet."""

    CONNECT = "0"
    DISCONNECT = "1"
    EVENT = "2"
    CLOSE = "close"
    PONG = "pong"


@dataclass(frozen=True, slots=True)
class ClientPacket:
    """One packet of a device. `number` is the number under which the device wants an acknowledgement, or empty.

    Only events have `event`, the name, and `arguments`, the payloads as raw JSON. For a malformed event, they are
    MALFORMED and a description of the problem.
    """

    kind: PacketType
    namespace: str = "/"
    number: str = ""
    event: str = MALFORMED
    arguments: tuple[object, ...] = ()


_SHORT = {"1": ClientPacket(PacketType.CLOSE), "3": ClientPacket(PacketType.PONG)}  # bounded by this line


def read(text: str) -> ClientPacket:
    """Parse a device's frame. Raises ValueError for a frame that no client of this relay sends."""
    short = _SHORT.get(text[:1])
    if short is not None:
        return short
    form = _FORM.match(text)
    if form is None:
        raise ValueError("expected a close, a pong or a text packet of Socket.IO")
    kind, namespace, number, rest = form.groups()
    # A connect's payload is an older way to send a token, which is ignored; `register` has the token.
    event, *arguments = _read_event(rest) if kind == PacketType.EVENT.value else (MALFORMED,)
    return ClientPacket(PacketType(kind), namespace or "/", number, str(event), tuple(arguments))


def _read_event(text: str) -> list[object]:
    try:
        event = _decoder.decode(text)
    except (ValueError, RecursionError) as error:
        return [MALFORMED, f"expected a JSON array of an event's name and one payload: {error}"]
    if not event.name or event.name in _RESERVED or len(event.name) > MAX_ID:
        return [MALFORMED, f"expected an event's name of 1 to {MAX_ID} characters that Socket.IO does not reserve"]
    return [event.name, *(payload for payload in (event.first, event.second) if len(payload))]


# -- packets of the relay

PING = b"2"
DISCONNECT = b"41"


def open_frame(sid: str, ping_seconds: float, silent_seconds: float, most_bytes: int) -> bytes:
    """Return the first frame of a connection: its id `sid`, and the parameters of Engine.IO.

    The relay sends a ping every `ping_seconds`, and drops a device that sends nothing for `silent_seconds` after one.
    `most_bytes` is the maximum size of the device's packets.
    """
    return b"0" + encode(
        {
            "sid": sid,
            "upgrades": [],
            "pingInterval": int(1000 * ping_seconds),
            "pingTimeout": int(1000 * silent_seconds),
            "maxPayload": most_bytes,
        }
    )


def connected_frame(sid: str) -> bytes:
    """Return the response that accepts a Socket.IO connect packet."""
    return b"40" + encode({"sid": sid})


def refused_frame(namespace: str) -> bytes:
    """Return the response that refuses a Socket.IO connect packet for an unknown namespace."""
    return b"44%s,%s" % (namespace.encode("utf-8", "replace"), encode({"message": "Unable to connect"}))


def acknowledged_frame(number: str) -> bytes:
    """Return the frame that acknowledges the device's event with this number."""
    return b"43%s[]" % number.encode()


def event_frame(event: str, payload: object) -> bytes:
    """Return the frame of an event with its payload."""
    if isinstance(payload, msgspec.Raw):
        return b"".join((b"42[", encode(event), b",", payload, b"]"))
    return b"42" + encode([event, payload])


def header(length: int) -> bytes:
    """Return the header of a server's WebSocket text frame with `length` payload bytes (RFC 6455, section 5.2)."""
    if length < _LONGER:
        return bytes((_TEXT, length))
    if length < _LONGEST:
        return _HEADER.pack(_TEXT, _LONGER, length)
    return _LONG_HEADER.pack(_TEXT, _LONGER + 1, length)
