"""Messages as text frames of the data channel (section 1).

The agent sends `{"type", "payload"}`. A phone sends the same, or `{"namespace", "action", "payload"}`.
"""

from typing import Annotated

import msgspec

from mobifai import limits
from mobifai.errors import BadMessage
from mobifai.protocol.wire_json import encode

CODE = "code"
LAST_NUMBER = 2**53


class _PhoneFrame(msgspec.Struct, frozen=True):
    payload: msgspec.Raw = msgspec.Raw(b"null")
    type: str | None = None
    namespace: str | None = None
    action: str | None = None
    seq: Annotated[int, msgspec.Meta(ge=1, le=LAST_NUMBER)] | None = None


class _AgentFrame(msgspec.Struct, frozen=True):
    type: str
    payload: object


class _NumberedFrame(msgspec.Struct, frozen=True):
    type: str
    payload: object
    seq: int


_decoder = msgspec.json.Decoder(_PhoneFrame)
_FRAME = encode(_NumberedFrame("", msgspec.Raw(b""), LAST_NUMBER))
"""The longest frame without its type and payload; a type needs no escapes."""


def encode_frame(event: str, payload: object) -> str:
    """Encode a message for the data channel."""
    return encode_frame_bytes(event, payload).decode()


def encode_frame_bytes(event: str, payload: object) -> bytes:
    """Encode a message for the data channel, as UTF-8."""
    return encode(_AgentFrame(event, payload))


def encode_numbered_frame(event: str, payload: object, number: int) -> bytes:
    """Encode a message with its number in the session, as UTF-8."""
    return encode(_NumberedFrame(event, payload, number))


def decode_frame(text: str) -> tuple[str, msgspec.Raw]:
    """Return the event of a phone's frame, and its payload as JSON. Raises BadMessage."""
    event, payload, _ = decode_numbered_frame(text)
    return event, payload


def decode_numbered_frame(text: str) -> tuple[str, msgspec.Raw, int | None]:
    """Return the event of a phone's frame, its payload as JSON, and its number in the session, if it has one.

    An action of the namespace `code` becomes the event `code:ACTION`. Raises BadMessage.
    """
    try:
        frame = _decoder.decode(text)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise BadMessage("message", f"expected a JSON object with type or action, and payload: {error}") from None
    event = frame.action if frame.action is not None else frame.type
    if not event:
        raise BadMessage("message", "expected a type or an action; found neither")
    if frame.namespace == CODE and not event.startswith("code:"):
        return f"code:{event}", frame.payload, frame.seq
    if frame.namespace not in (None, CODE, "terminal"):
        raise BadMessage(
            event[: limits.MAX_ID], f"expected the namespace terminal or code; found {frame.namespace[:64]!r}"
        )
    return event, frame.payload, frame.seq


def encode_payload(payload: msgspec.Struct) -> msgspec.Raw:
    """Encode a payload as JSON, which is put into frames and packets unchanged. Its strings are valid Unicode."""
    return msgspec.Raw(encode(payload))


def frame_bytes(event: str, payload: msgspec.Raw) -> int:
    """Return the most bytes that the frame of this message can have."""
    return len(_FRAME) + len(event) + len(payload)
