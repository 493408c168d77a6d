"""ByteRing against a model that keeps every byte."""

import mmap
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from mobifai.bounds import ByteRing, Ledger
from mobifai.bounds.byte_ring import MARKS_BYTES
from mobifai.limits import TERMINAL_RING

Memory = Callable[[int], AbstractContextManager[memoryview]]


def a_ring_of(capacity: int) -> tuple[ByteRing, Ledger]:
    ledger = Ledger({"terminal.ring": capacity})
    return ByteRing(ledger.open(TERMINAL_RING)), ledger


def evictions(ledger: Ledger) -> int:
    return next(entry.evicted for entry in ledger.entries() if entry.name == "terminal.ring")


@contextmanager
def memory_map(size: int) -> Iterator[memoryview]:
    with mmap.mmap(-1, size) as mapped, memoryview(mapped) as view:
        yield view


@contextmanager
def byte_array(size: int) -> Iterator[memoryview]:
    with memoryview(bytearray(size)) as view:
        yield view


class RingAgainstModel(RuleBasedStateMachine):
    """`stream` is everything ever appended; the ring must be its window from `start` to `end`."""

    @initialize(
        capacity=st.integers(1, 40),
        spare=st.integers(0, 3),
        memory=st.sampled_from([None, byte_array, memory_map]),
    )
    def begin(self, capacity: int, spare: int, memory: Memory | None) -> None:
        self.ledger = Ledger({"terminal.ring": capacity})
        self.bound = self.ledger.open(TERMINAL_RING)
        self.memory = ExitStack()
        buffer = self.memory.enter_context(memory(capacity + spare)) if memory else None
        self.ring = ByteRing(self.bound, buffer)
        self.capacity = capacity
        self.stream = b""
        self.start = 0

    def teardown(self) -> None:
        if hasattr(self, "memory"):
            self.memory.close()

    @rule(data=st.binary(max_size=100), watched=st.booleans())
    def append(self, data: bytes, watched: bool) -> None:
        self.stream += data
        with self._these_leave(len(self.stream) - self.capacity) as gone:
            if watched:
                self.ring.append(data, gone.append)
            else:
                self.ring.append(data)
                gone.append(self.stream[self.start :][: max(0, len(self.stream) - self.capacity - self.start)])

    @rule(keep=st.integers(0, 50))
    def trim(self, keep: int) -> None:
        with self._these_leave(len(self.stream) - keep) as gone:
            said = self.ring.trim(keep, gone.append)
        assert said == len(b"".join(gone))

    @contextmanager
    def _these_leave(self, position: int) -> Iterator[list[bytes]]:
        gone: list[bytes] = []
        yield gone
        position = max(self.start, position)
        assert b"".join(gone) == self.stream[self.start : position]
        self.start = position

    @rule(data=st.data())
    def read_any_part(self, data: st.DataObject) -> None:
        position = data.draw(st.integers(self.start, len(self.stream)))
        length = data.draw(st.none() | st.integers(0, 60))
        expected = self.stream[position:] if length is None else self.stream[position : position + length]
        assert self.ring.read(position, length) == expected

    @rule(beyond=st.integers(1, 100), before=st.booleans())
    def reading_what_is_not_there_is_refused(self, beyond: int, before: bool) -> None:
        with pytest.raises(IndexError, match=r"expected a position from"):
            self.ring.read(self.start - beyond if before else len(self.stream) + beyond)

    @invariant()
    def it_is_the_window(self) -> None:
        if not hasattr(self, "ring"):
            return
        assert (self.ring.start, self.ring.end) == (self.start, len(self.stream))
        assert len(self.ring) == self.bound.used == len(self.stream) - self.start <= self.capacity
        assert self.ring.read(self.ring.start) == self.stream[self.start :]
        assert evictions(self.ledger) == self.start


class RingThatOutlivesItsProcess(RingAgainstModel):
    """Bytes are read straight into the ring's memory. A process may die before it has counted them."""

    @initialize(capacity=st.integers(1, 40), spare=st.integers(1, 12), memory=st.sampled_from([byte_array, memory_map]))
    def begin(self, capacity: int, spare: int, memory: Memory) -> None:
        super().begin(capacity, spare, memory)
        self.memory.close()
        self.buffer = self.memory.enter_context(memory(capacity + spare))
        self.marks = self.memory.enter_context(memory(MARKS_BYTES))
        self.spare = min(spare, capacity)
        self.ring = ByteRing(self.bound, self.buffer, self.marks)

    def _arrive(self, data: bytes) -> bytes:
        """Fill the views, as `readv` does."""
        at = 0
        for view in self.ring.window():
            part = data[at : at + len(view)]
            view[: len(part)] = part
            at += len(part)
        return data[:at]

    @rule(data=st.binary(max_size=12))
    def read_in(self, data: bytes) -> None:
        arrived = self._arrive(data[: self.spare])
        self.stream += arrived
        with self._these_leave(len(self.stream) - self.capacity) as gone:
            self.ring.published(len(arrived), gone.append)

    append = None  # type: ignore[assignment]  # not meant for a ring that is read into

    @rule(data=st.binary(max_size=12))
    def die_before_counting(self, data: bytes) -> None:
        arrived = self._arrive(data[: self.spare])
        self.ring = ByteRing(self.bound, self.buffer, self.marks)
        self.stream += arrived.rstrip(b"\0")
        with self._these_leave(len(self.stream) - self.capacity) as gone:
            assert self.ring.recover(gone.append) == len(arrived.rstrip(b"\0"))

    @rule()
    def die(self) -> None:
        self.ring = ByteRing(self.bound, self.buffer, self.marks)
        assert self.ring.recover() == 0


TestRingAgainstModel = RingAgainstModel.TestCase
TestRingAgainstModel.settings = settings(max_examples=80, stateful_step_count=30)
TestRingThatOutlivesItsProcess = RingThatOutlivesItsProcess.TestCase
TestRingThatOutlivesItsProcess.settings = settings(max_examples=80, stateful_step_count=30)


@pytest.mark.parametrize("buffer", [byte_array, memory_map])
@pytest.mark.parametrize("already", [0, 1, 7, 8])
@pytest.mark.parametrize("added", [7, 8, 9, 16, 17])
def test_around_its_capacity_it_keeps_the_newest_bytes(buffer: Memory, already: int, added: int) -> None:
    stream = bytes(range(already + added))
    gone: list[bytes] = []
    with buffer(8) as view:
        ring = ByteRing(Ledger({"terminal.ring": 8}).open(TERMINAL_RING), view)
        ring.append(stream[:already], gone.append)
        ring.append(stream[already:], gone.append)
        assert ring.read(ring.start) == stream[-8:]
        assert b"".join(gone) == stream[:-8]
        assert ring.end == len(stream)


def test_a_buffer_of_the_size_declared_holds_the_promised_screen() -> None:
    ledger = Ledger()
    ring = ByteRing(ledger.open(TERMINAL_RING))
    screen = bytes(number % 251 for number in range(TERMINAL_RING.value))
    ring.append(b"lost" + screen)
    assert ring.read(ring.start) == screen
    assert (ring.start, evictions(ledger)) == (4, 4)


def test_a_callback_that_fails_leaves_the_ring_as_it_was() -> None:
    def fail(_gone: bytes) -> None:
        raise RuntimeError("no")

    ring, _ = a_ring_of(4)
    ring.append(b"abcd")
    with pytest.raises(RuntimeError):
        ring.append(b"e", fail)
    assert (ring.read(ring.start), ring.start, ring.end) == (b"abcd", 0, 4)


def test_trimming_says_how_much_went() -> None:
    ring, ledger = a_ring_of(8)
    ring.append(b"abcdef")
    assert [ring.trim(7), ring.trim(6), ring.trim(5), ring.trim(0), ring.trim(0)] == [0, 0, 1, 5, 0]
    assert (ring.start, ring.end, evictions(ledger)) == (6, 6, 6)


def test_it_takes_any_kind_of_bytes() -> None:
    ring, _ = a_ring_of(4)
    ring.append(bytearray(b"abc"))
    ring.append(memoryview(b"def"))
    assert ring.read(ring.start) == b"cdef"
