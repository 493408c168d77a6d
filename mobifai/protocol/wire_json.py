"""JSON for Socket.IO packets: msgspec, in the form that the library wants a `json` module in."""

from typing import Any

import msgspec

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


class WireJson:
    """`json` with our message types: structs become objects."""

    @staticmethod
    def dumps(value: object, **_: object) -> str:
        """The JSON text of a value."""
        return _encoder.encode(value).decode()

    @staticmethod
    def loads(text: str | bytes, **_: object) -> Any:
        """The value of a JSON text. Raises ValueError (also for text nested too deep)."""
        try:
            return _decoder.decode(text)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise ValueError(str(error)) from None
