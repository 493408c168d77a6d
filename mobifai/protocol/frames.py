"""Messages as text frames of the data channel (section 1).

The agent's form is `{"type", "payload"}`. A phone's form is that, or `{"namespace", "action", "payload"}`.
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
"""What a frame has at most beside its type (a plain word) and its payload."""


def encode_frame(event: str, payload: object) -> str:
    """The agent's frame for the data channel."""
    return encode_frame_bytes(event, payload).decode()


def encode_frame_bytes(event: str, payload: object) -> bytes:
    """The same, in UTF-8."""
    return encode(_AgentFrame(event, payload))


def encode_numbered_frame(event: str, payload: object, number: int) -> bytes:
    """The frame of a message with its number in the session, in UTF-8."""
    return encode(_NumberedFrame(event, payload, number))


def decode_frame(text: str) -> tuple[str, msgspec.Raw]:
    """The event that a phone's frame names, and its payload, not decoded yet. Raises BadMessage."""
    event, payload, _ = decode_numbered_frame(text)
    return event, payload


def decode_numbered_frame(text: str) -> tuple[str, msgspec.Raw, int | None]:
    """The event that a phone's frame names, its payload, not decoded yet, and its number in the session, if it has one.

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
    """A payload as JSON, to be put into a frame or a packet as it is. It has whole characters only."""
    return msgspec.Raw(encode(payload))


def frame_bytes(event: str, payload: msgspec.Raw) -> int:
    """How many bytes the frame of this message has."""
    return len(_FRAME) + len(event) + len(payload)
