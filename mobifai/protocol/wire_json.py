"""JSON for Socket.IO packets: msgspec with the interface of the module `json`, which the library expects."""

import json
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


def encode(value: object) -> bytes:
    """Encode a value as JSON in UTF-8."""
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:  # a lone surrogate, as in a file name that is not UTF-8, is escaped
        return json.dumps(msgspec.to_builtins(value), separators=(",", ":")).encode()


class WireJson:
    """The module `json`, with msgspec structs as objects."""

    @staticmethod
    def dumps(value: object, **_: object) -> str:
        """Encode a value as JSON text."""
        return encode(value).decode()

    @staticmethod
    def loads(text: str | bytes, **_: object) -> Any:
        """Decode JSON text. Raises ValueError, also for nesting that is too deep."""
        try:
            return _decoder.decode(text)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise ValueError(str(error)) from None
