"""Decodes received payloads into messages."""

from collections.abc import Mapping
from typing import Any

import msgspec

from mobifai import limits
from mobifai.errors import BadMessage


def decode(table: Mapping[str, Any], event: str, payload: object) -> Any:
    """Decode a payload (Python values, or msgspec.Raw) into the message of its event. Raises BadMessage."""
    expected = table.get(event)
    if expected is None:
        raise BadMessage(event[: limits.MAX_ID], "is not an event of the protocol")
    try:
        return _read(expected, payload)
    except (msgspec.MsgspecError, OverflowError, RecursionError, TypeError, ValueError) as error:
        raise BadMessage(event, str(error)) from None


_decoders: dict[int, tuple[Any, msgspec.json.Decoder[Any]]] = {}  # bounded by the types in the tables
"""Decoders cached by `id(type)`. The type is stored too, so its id stays valid. Building or hashing a union costs more
than decoding with it.
"""


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
