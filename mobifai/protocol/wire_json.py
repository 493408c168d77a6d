"""JSON for Socket.IO packets: msgspec, in the form that the library wants a `json` module in."""

import json
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


def encode(value: object) -> bytes:
    """The JSON of a value, in UTF-8."""
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:  # half a character, as in the name of a file that is not UTF-8: as an escape it passes
        return json.dumps(msgspec.to_builtins(value), separators=(",", ":")).encode()


class WireJson:
    """`json` with our message types: structs become objects."""

    @staticmethod
    def dumps(value: object, **_: object) -> str:
        """The JSON text of a value."""
        return encode(value).decode()

    @staticmethod
    def loads(text: str | bytes, **_: object) -> Any:
        """The value of a JSON text. Raises ValueError (also for text nested too deep)."""
        try:
            return _decoder.decode(text)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise ValueError(str(error)) from None
