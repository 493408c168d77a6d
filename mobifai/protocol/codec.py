"""Encoding and decoding of messages: JSON values, the payloads of events, and the text frames that contain both.

A frame of the agent is `{"type", "payload"}`, with a `seq` if messages are numbered. A phone's frame has the same form,
or the form `{"namespace", "action", "payload"}`. A relay forwards events and payloads without a frame. See section 1 of
docs/reference/protocol.md.
"""

import binascii
import json
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from mobifai import limits
from mobifai.errors import BadMessage, EncryptionError

CODE = "code"
LAST_NUMBER = 2**53

_encoder = msgspec.json.Encoder()


def encode(value: object) -> bytes:
    """Encode a value as JSON in UTF-8."""
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:  # a lone surrogate, as in a file name that is not UTF-8, is escaped
        return json.dumps(msgspec.to_builtins(value), separators=(",", ":")).encode()


def encode_base64(data: bytes) -> str:
    """Encode encrypted data in the Base64 that payloads contain."""
    return binascii.b2a_base64(data, newline=False).decode()


def decode_base64(text: str) -> bytes:
    """Decode encrypted data from the Base64 text of a payload. Raises EncryptionError."""
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError as error:
        raise EncryptionError(f"expected encrypted data in Base64: {error}") from None


# -- payloads


def encode_payload(payload: msgspec.Struct) -> msgspec.Raw:
    """Encode a payload as JSON, which goes into frames and packets unchanged. Its strings must be valid Unicode."""
    return msgspec.Raw(_encoder.encode(payload))


def decode(table: Mapping[str, Any], event: str, payload: object) -> Any:
    """Decode the payload of an event, which is Python values or msgspec.Raw. Raises BadMessage.

    `table` maps events to the types of their payloads.
    """
    expected = table.get(event)
    if expected is None:
        raise BadMessage(event[: limits.MAX_ID], "is not an event of the protocol")
    try:
        return _read(expected, payload)
    except (msgspec.MsgspecError, OverflowError, RecursionError, TypeError, ValueError) as error:
        raise BadMessage(event, str(error)) from None


_decoders: dict[int, tuple[Any, msgspec.json.Decoder[Any]]] = {}  # bounded by the types in the tables
"""Decoders cached by `id(type)`. The type is stored too, so that its id stays valid. The cache exists because building
or hashing a union costs more than decoding a message."""


def _decoder(expected: Any) -> msgspec.json.Decoder[Any]:
    found = _decoders.get(id(expected))
    if found is None:
        found = _decoders[id(expected)] = expected, msgspec.json.Decoder(expected, strict=True)
    return found[1]


def _read(expected: Any, payload: object) -> Any:
    if isinstance(payload, msgspec.Raw):
        message = _decoder(expected).decode(payload)
    else:
        message = msgspec.convert(payload, type=expected, strict=True)
    msgspec.json.encode(message)  # fails on a lone surrogate and on a number of 400 digits
    return message


# -- frames


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


_frame_decoder = msgspec.json.Decoder(_PhoneFrame)
_FRAME = encode(_NumberedFrame("", msgspec.Raw(b""), LAST_NUMBER))
"""The longest possible frame with an empty type and payload. `frame_bytes` adds its length to those of a type and a
payload. A type needs no escapes."""


def encode_frame(event: str, payload: object, number: int | None = None) -> bytes:
    """Encode an event and its payload as a frame. `number` is the message's number in the session, or None."""
    return encode(_AgentFrame(event, payload) if number is None else _NumberedFrame(event, payload, number))


def frame_bytes(event: str, payload: msgspec.Raw) -> int:
    """Return the maximum length, in bytes, of the frame that `encode_frame` makes of this event and payload."""
    return len(_FRAME) + len(event) + len(payload)


def decode_frame(text: str) -> tuple[str, msgspec.Raw, int | None]:
    """Decode a phone's frame. Return its event, its payload as JSON, and its number in the session or None.

    An action of the namespace `code` becomes the event `code:ACTION`. Raises BadMessage.
    """
    try:
        frame = _frame_decoder.decode(text)
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
