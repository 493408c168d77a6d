"""Socket.IO packets as this relay reads and writes them: text only, strictly, payloads left as JSON.

What a device says is checked for its outer form here and handed on undecoded; `protocol.messages` reads it.
"""

import re

import msgspec
import socketio.packet

from mobifai.limits import MAX_ID

MALFORMED = ""
"""The event that an unreadable one becomes. No device can name it: an empty name is unreadable itself."""

_RESERVED = frozenset({"connect", "disconnect", "connect_error", "*"})
_FORM = re.compile(r"([012])(?:(/[^,]{0,64}),?)?([0-9]{0,15})(.*)\Z", re.DOTALL)
_ENGINE = frozenset({"1", "3"})
"""Engine.IO's own packets of a client: it closes, or answers a ping."""

_decoder = msgspec.json.Decoder(list[msgspec.Raw])
_name_decoder = msgspec.json.Decoder(str)


def is_packet(text: str) -> bool:
    """Whether a frame is one that a client of this relay sends: a close, a pong, or a text packet of Socket.IO."""
    return text[:1] in _ENGINE or (text[:1] == "4" and text[1:2] in ("0", "1", "2"))


class StrictPacket(socketio.packet.Packet):  # type: ignore[misc]
    """A packet without attachments: binary ones would wait for their parts without a bound."""

    uses_binary_events = False

    def decode(self, encoded_packet: str) -> int:
        """Read a packet: of an event, `data` is its name, then its arguments as msgspec.Raw. Raises ValueError."""
        form = _FORM.match(encoded_packet) if isinstance(encoded_packet, str) else None
        if form is None:
            raise ValueError("expected a text packet of Socket.IO")
        kind, self.namespace, number, rest = form.groups()
        self.packet_type = int(kind)
        self.id = int(number) if number else None
        # What comes with a connect is an older way to give a token; `register` is the one that counts.
        self.data = _read_event(rest) if self.packet_type == socketio.packet.EVENT else None
        return 0


def _read_event(text: str) -> list[object]:
    try:
        name, *arguments = _decoder.decode(text)
        event = _name_decoder.decode(name)
    except (ValueError, RecursionError) as error:
        return [MALFORMED, f"expected a JSON array of an event's name and one payload: {error}"]
    if not event or event in _RESERVED or len(event) > MAX_ID:
        return [MALFORMED, f"expected an event's name of 1 to {MAX_ID} characters that Socket.IO does not reserve"]
    return [event, *arguments]
