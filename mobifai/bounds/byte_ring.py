"""A ring buffer with the newest bytes of a stream and their absolute positions.

A ring never grows: its buffer is allocated once. Positions count from the first byte ever appended. A reader can store
its position and later compare it with `start`, the position of the oldest byte in the ring, to see which bytes are
gone.

A ring can use memory that outlives the process. All free bytes of the buffer are zero. So after a crash, `recover`
finds bytes that were read into the buffer (`window`) but not yet appended (`published`).
"""

import struct
from collections.abc import Callable

from mobifai.bounds.ledger import Bound

_MARKS = struct.Struct("<QQ")
MARKS_BYTES = _MARKS.size
_ZEROS = memoryview(bytes(16 << 10))

OnEvict = Callable[[bytes], None]


def _ignore(_: bytes) -> None:
    """Ignore evicted bytes. This is the default of the parameter `on_evict`."""


class ByteRing:
    """Keeps the newest `capacity` bytes of the bytes that are appended.

    `buffer` is any writable buffer, such as a memory map; the default is a new bytearray. The part of the buffer that
    exceeds the ring's capacity is the window, into which data can be read directly. At least `window_bytes` are
    reserved for the window: if the buffer is too small for both, the ring's capacity is smaller than the limit.

    `marks` is memory of MARKS_BYTES bytes in which the ring stores `start` and `end`. A new ring on the same memory
    continues from these values.
    """

    def __init__(
        self,
        bound: Bound,
        buffer: memoryview | None = None,
        marks: memoryview | None = None,
        window_bytes: int = 0,
    ) -> None:
        self._bound = bound
        self._buffer = buffer if buffer is not None else memoryview(bytearray(bound.capacity))
        self._capacity = min(bound.capacity, len(self._buffer) - window_bytes)
        self._size = len(self._buffer)
        self._marks = marks
        self.start: int = 0
        self.end: int = 0
        if marks is not None:
            self.start, self.end = _MARKS.unpack(marks)
            if not 0 <= self.end - self.start <= self._size:  # another process wrote them, so they are checked
                _zero(self._buffer)
                self.start = self.end = 0
        bound.set(len(self))

    def __len__(self) -> int:
        return self.end - self.start

    @property
    def capacity(self) -> int:
        """The maximum number of bytes that the ring keeps."""
        return self._capacity

    # -- writing

    def append(self, data: bytes, on_evict: OnEvict = _ignore) -> None:
        """Append `data`. Pass the bytes that are evicted to make room for it to `on_evict`, oldest first."""
        excess = len(self) + len(data) - self._capacity
        if excess > 0:
            self._evict_for(data, excess, on_evict)
        skipped = max(0, len(data) - self._capacity)
        if skipped:
            self.end += skipped
            self.start = self.end
        self._put(self.end, data[skipped:])
        self.end += len(data) - skipped
        self._count()

    def _evict_for(self, data: bytes, excess: int, on_evict: OnEvict) -> None:
        from_ring = min(excess, len(self))
        self._evict(from_ring, on_evict)
        if excess > from_ring:
            on_evict(data[: excess - from_ring])
            self._bound.evicted(excess - from_ring)

    def _evict(self, amount: int, on_evict: OnEvict) -> None:
        on_evict(self.read(self.start, amount))
        self.start += amount
        self._bound.evicted(amount)
        self._keep_marks()

    def window(self) -> list[memoryview]:
        """Return the parts of the buffer into which the caller may read the next bytes, in order.

        After reading, the caller passes the number of bytes to `published`.
        """
        return self._views(self.end, self._size - self._capacity)

    def published(self, amount: int, on_evict: OnEvict = _ignore) -> None:
        """Append the first `amount` bytes of the window, which the caller has just read into it.

        The bytes that are evicted to make room for them are passed to `on_evict`, oldest first.
        """
        excess = len(self) + amount - self._capacity
        if excess > 0:
            self._evict_for_news(amount, excess, on_evict)
        if self._marks is not None:
            for view in self._views(self.end + self._size - self._capacity, amount):
                _zero(view)  # before the end moves: only zeros or new bytes are beyond it
        self.end += amount
        self._count()

    def _evict_for_news(self, amount: int, excess: int, on_evict: OnEvict) -> None:
        if amount <= self._capacity:
            self._evict(excess, on_evict)
            return
        news = b"".join(self._views(self.end, amount - self._capacity))
        self._evict(len(self), on_evict)
        on_evict(news)
        self._bound.evicted(len(news))
        self.start += len(news)

    def recover(self, on_evict: OnEvict = _ignore) -> int:
        """Append the bytes that an earlier process read into the window but did not publish. Return their number.

        Zero bytes at the end of this data are lost.
        """
        news = b"".join(self.window()).rstrip(b"\0")
        self.published(len(news), on_evict)
        return len(news)

    def trim(self, keep: int, on_evict: OnEvict = _ignore) -> int:
        """Evict all but the newest `keep` bytes. Return how many were evicted."""
        gone = max(0, len(self) - keep)
        if gone:
            self._evict(gone, on_evict)
            self._count()
        return gone

    def _count(self) -> None:
        self._keep_marks()
        self._bound.set(len(self))

    def _keep_marks(self) -> None:
        if self._marks is not None:
            _MARKS.pack_into(self._marks, 0, self.start, self.end)

    def _put(self, position: int, data: bytes) -> None:
        at = 0
        for view in self._views(position, len(data)):
            view[:] = data[at : at + len(view)]
            at += len(view)

    def _views(self, position: int, length: int) -> list[memoryview]:
        at = position % self._size
        first = self._size - at
        if length <= first:
            return [self._buffer[at : at + length]] if length else []
        return [self._buffer[at:], self._buffer[: length - first]]

    # -- reading

    def read(self, position: int, length: int | None = None) -> bytes:
        """Return up to `length` bytes from `position` on. Raises IndexError if `position` is outside `start`..`end`."""
        if not self.start <= position <= self.end:
            raise IndexError(f"expected a position from {self.start} to {self.end}; found {position}")
        length = min(self.end - position, length if length is not None else self._size)
        return b"".join(self._views(position, length))

    def unused(self) -> list[tuple[int, int]]:
        """Return the parts of the buffer that hold no bytes of the ring.

        They are two pairs of index and length. A length may be 0.
        """
        at, length = self.end % self._size, self._size - len(self)
        first = min(length, self._size - at)
        return [(at, first), (0, length - first)]


def _zero(view: memoryview) -> None:
    for at in range(0, len(view), len(_ZEROS)):
        part = view[at : at + len(_ZEROS)]
        part[:] = _ZEROS[: len(part)]
