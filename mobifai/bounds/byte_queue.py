"""A first-in, first-out queue of bytes with a limited size."""

from mobifai.bounds.ledger import Bound


class ByteQueue:
    """A queue of bytes that refuses data that does not fit."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound
        self._data = bytearray()

    def __len__(self) -> int:
        return len(self._data)

    def append(self, data: bytes) -> None:
        """Add all of `data`. Raises LimitReached, and adds nothing, if there is no room for all of it."""
        if len(self._data) + len(data) > self._bound.capacity:
            raise self._bound.refuse(f"{len(data)} more bytes")
        self._data += data
        self._bound.set(len(self._data))

    def peek(self, length: int) -> bytes:
        """Return up to `length` of the oldest bytes without removing them."""
        return bytes(self._data[:length])

    def drop(self, length: int) -> None:
        """Remove the oldest `length` bytes."""
        del self._data[:length]
        self._bound.set(len(self._data))

    def take(self, length: int | None = None) -> bytes:
        """Remove and return up to `length` of the oldest bytes (None: all)."""
        data = self.peek(len(self._data) if length is None else length)
        self.drop(len(data))
        return data
