"""Bytes that wait, first in first out, up to a declared number."""

from mobifai.bounds.ledger import Bound


class ByteQueue:
    """A queue of bytes that refuses what does not fit."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound
        self._data = bytearray()

    def __len__(self) -> int:
        return len(self._data)

    def append(self, data: bytes) -> None:
        """Add all of `data`, or none. Raises LimitReached."""
        if len(self._data) + len(data) > self._bound.capacity:
            raise self._bound.refuse(f"{len(data)} more bytes")
        self._data += data
        self._bound.set(len(self._data))

    def peek(self, length: int) -> bytes:
        """The oldest bytes, at most `length`; they stay."""
        return bytes(self._data[:length])

    def drop(self, length: int) -> None:
        """Take the oldest `length` bytes away."""
        del self._data[:length]
        self._bound.set(len(self._data))

    def take(self, length: int | None = None) -> bytes:
        """The oldest bytes, at most `length` (None: all), which leave the queue."""
        data = self.peek(len(self._data) if length is None else length)
        self.drop(len(data))
        return data
