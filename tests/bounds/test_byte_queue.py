"""ByteQueue against a model, and at its capacity."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from mobifai.bounds import ByteQueue, Ledger
from mobifai.errors import LimitReached
from mobifai.limits import TERMINAL_INPUT


def a_queue_of(capacity: int) -> ByteQueue:
    return ByteQueue(Ledger({"terminal.input": capacity}).open(TERMINAL_INPUT))


class QueueAgainstModel(RuleBasedStateMachine):
    """In any order of operations, the output equals the input."""

    @initialize(capacity=st.integers(1, 30))
    def begin(self, capacity: int) -> None:
        self.ledger = Ledger({"terminal.input": capacity})
        self.bound = self.ledger.open(TERMINAL_INPUT)
        self.queue = ByteQueue(self.bound)
        self.capacity = capacity
        self.waiting = b""
        self.refused = 0

    @rule(data=st.binary(max_size=35))
    def append(self, data: bytes) -> None:
        if len(self.waiting) + len(data) > self.capacity:
            self.refused += 1
            with pytest.raises(LimitReached):
                self.queue.append(data)
        else:
            self.queue.append(data)
            self.waiting += data

    @rule(length=st.integers(0, 40))
    def peek(self, length: int) -> None:
        assert self.queue.peek(length) == self.waiting[:length]

    @rule(length=st.integers(0, 40))
    def drop(self, length: int) -> None:
        self.queue.drop(length)
        self.waiting = self.waiting[length:]

    @rule(length=st.none() | st.integers(0, 40))
    def take(self, length: int | None) -> None:
        expected = self.waiting if length is None else self.waiting[:length]
        assert self.queue.take(length) == expected
        self.waiting = self.waiting[len(expected) :]

    @invariant()
    def it_holds_what_waits(self) -> None:
        if hasattr(self, "queue"):
            assert self.queue.peek(len(self.queue)) == self.waiting
            assert len(self.queue) == self.bound.used <= self.capacity
            assert next(e.refused for e in self.ledger.entries() if e.name == "terminal.input") == self.refused


TestQueueAgainstModel = QueueAgainstModel.TestCase
TestQueueAgainstModel.settings = settings(max_examples=60, stateful_step_count=30)


@pytest.mark.parametrize("length", [7, 8])
def test_up_to_its_capacity_it_takes_all(length: int) -> None:
    queue = a_queue_of(8)
    queue.append(b"x" * length)
    assert queue.take() == b"x" * length


@pytest.mark.parametrize("first", [0, 1, 8])
def test_one_byte_too_many_is_refused_whole_and_says_why(first: int) -> None:
    queue = a_queue_of(8)
    queue.append(b"x" * first)
    with pytest.raises(LimitReached, match=rf"at most 8 bytes \(terminal\.input\), and {first} are in use"):
        queue.append(b"y" * (9 - first))
    assert queue.take() == b"x" * first


def test_a_full_queue_takes_bytes_again_after_some_left() -> None:
    queue = a_queue_of(4)
    queue.append(b"abcd")
    queue.drop(1)
    queue.append(b"e")
    assert queue.take() == b"bcde"
