"""A ring in memory that outlives the process: whenever the process dies, no byte that it has read is lost."""

import mmap

from hypothesis import given, settings
from hypothesis import strategies as st

from mobifai.bounds import ByteRing, Ledger
from mobifai.bounds.byte_ring import MARKS_BYTES
from mobifai.limits import TERMINAL_RING

WINDOW = 16
reads = st.lists(st.binary(min_size=1, max_size=WINDOW), max_size=40)


class Process:
    """One agent process: a ring on existing memory."""

    def __init__(self, memory: mmap.mmap, capacity: int) -> None:
        views = memoryview(memory)
        bound = Ledger({"terminal.ring": capacity}).open(TERMINAL_RING)
        self.evicted = b""
        self.ring = ByteRing(bound, views[64 : 64 + capacity + WINDOW], views[:MARKS_BYTES])

    def evict(self, data: bytes) -> None:
        self.evicted += data

    def read_without_counting(self, data: bytes) -> None:
        """Fill the views exactly as the kernel does in a `readv`."""
        for view in self.ring.window():
            view[: len(data)] = data[: len(view)]
            data = data[len(view) :]

    def read(self, data: bytes) -> None:
        self.read_without_counting(data)
        self.ring.published(len(data), self.evict)


def memory(capacity: int) -> mmap.mmap:
    return mmap.mmap(-1, 64 + capacity + WINDOW)


@given(reads, st.integers(1, 60))
def test_reading_into_the_window_keeps_the_newest_bytes(data: list[bytes], capacity: int) -> None:
    life, whole = Process(memory(capacity), capacity), b"".join(data)
    for piece in data:
        life.read(piece)
    assert life.ring.read(life.ring.start) == whole[-capacity:]
    assert life.ring.end == len(whole)
    assert life.evicted == whole[: len(whole) - len(life.ring)]


@settings(max_examples=200)
@given(
    st.lists(st.tuples(reads, st.booleans(), st.binary(min_size=1, max_size=WINDOW)), max_size=8), st.integers(20, 60)
)
def test_lives_that_end_between_reading_and_counting_lose_nothing(
    lives: list[tuple[list[bytes], bool, bytes]], capacity: int
) -> None:
    memory_of_all, whole = memory(capacity), b""
    for data, dies_reading, last in lives:
        life = Process(memory_of_all, capacity)
        life.ring.recover()
        assert life.ring.end == len(whole)
        assert life.ring.read(life.ring.start) == whole[life.ring.start :]
        for piece in data:
            life.read(piece)
            whole += piece
        if dies_reading:
            unread = last.rstrip(b"\0") or b"x"  # zeros at the very end look like unused memory
            life.read_without_counting(unread)
            whole += unread
    life = Process(memory_of_all, capacity)
    life.ring.recover()
    assert life.ring.end == len(whole)
    assert life.ring.read(life.ring.start) == whole[life.ring.start :]
    assert len(life.ring) <= capacity


@given(reads, st.integers(0, 60))
def test_what_is_unused_holds_nothing_kept(data: list[bytes], keep: int) -> None:
    capacity = 50
    memory_of_all = memory(capacity)
    life = Process(memory_of_all, capacity)
    for piece in data:
        life.read(piece)
    life.ring.trim(keep, life.evict)
    kept = life.ring.read(life.ring.start)
    for start, length in life.ring.unused():
        memory_of_all[64 + start : 64 + start + length] = bytes(length)
    assert life.ring.read(life.ring.start) == kept
    life.read(b"more")
    assert life.ring.read(life.ring.start).endswith(kept[-(capacity - 4) :] + b"more")
