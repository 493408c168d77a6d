"""The last bytes of a stream, with their absolute positions.

A ring never grows: its buffer is allocated once. Positions count from the first byte ever appended, so that a
reader can say how far it got (`end`) and learn what is gone (`start`).
"""

from collections.abc import Callable

from mobifai.bounds.ledger import Bound


class ByteRing:
    """Keep the newest `capacity` bytes of what is appended.

    `buffer` is any writable buffer of at least the bound's capacity (a bytearray, a memory map); by default a
    bytearray.
    """

    def __init__(self, bound: Bound, buffer: memoryview | None = None) -> None:
        self._bound = bound
        self._size = bound.capacity
        self._buffer = buffer if buffer is not None else memoryview(bytearray(self._size))
        self.start = 0
        self.end = 0

    def __len__(self) -> int:
        return self.end - self.start

    def append(self, data: bytes, on_evict: Callable[[bytes], None] | None = None) -> None:
        """Add `data`; what must go for it is handed to `on_evict` in order, oldest first."""
        excess = len(self) + len(data) - self._size
        if excess > 0:
            self._evict(data, excess, on_evict)
        skipped = max(0, len(data) - self._size)
        if skipped:
            self.end += skipped
            self.start = self.end
        kept = data[skipped:]
        self._write(kept)
        self._bound.set(len(self))

    def _evict(self, data: bytes, excess: int, on_evict: Callable[[bytes], None] | None) -> None:
        from_ring = min(excess, len(self))
        if on_evict is not None:
            on_evict(self.read(self.start, from_ring))
            if excess > from_ring:
                on_evict(data[: excess - from_ring])
        self.start += from_ring
        self._bound.evicted(excess)

    def _write(self, data: bytes) -> None:
        at = self.end % self._size
        first = min(len(data), self._size - at)
        self._buffer[at : at + first] = data[:first]
        self._buffer[: len(data) - first] = data[first:]
        self.end += len(data)

    def read(self, position: int, length: int | None = None) -> bytes:
        """The bytes from `position` on, at most `length`. Raises IndexError outside `start`..`end`."""
        if not self.start <= position <= self.end:
            raise IndexError(f"expected a position from {self.start} to {self.end}; found {position}")
        length = min(self.end - position, length if length is not None else self._size)
        at = position % self._size
        first = min(length, self._size - at)
        return bytes(self._buffer[at : at + first]) + bytes(self._buffer[: length - first])

    def trim(self, keep: int, on_evict: Callable[[bytes], None] | None = None) -> int:
        """Drop all but the newest `keep` bytes; how many went."""
        gone = max(0, len(self) - keep)
        if gone and on_evict is not None:
            on_evict(self.read(self.start, gone))
        self.start += gone
        self._bound.evicted(gone)
        self._bound.set(len(self))
        return gone
