"""ItemQueue: first in, first out, and at its capacity what its limit declares."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobifai.bounds import ItemQueue, Ledger
from mobifai.errors import LimitReached
from mobifai.limits import CANDIDATES, RELAY_QUEUE, Limit


def a_queue_of(limit: Limit, capacity: int) -> tuple[ItemQueue[int], Ledger]:
    ledger = Ledger({limit.name: capacity})
    return ItemQueue(ledger.open(limit)), ledger


@pytest.mark.parametrize(("count", "kept"), [(2, [0, 1]), (3, [0, 1, 2]), (4, [1, 2, 3])])
def test_evicting_it_keeps_the_newest(count: int, kept: list[int]) -> None:
    queue, ledger = a_queue_of(CANDIDATES, 3)
    for number in range(count):
        queue.append(number)
    entry = next(entry for entry in ledger.entries() if entry.name == CANDIDATES.name)
    assert (entry.used, entry.evicted) == (len(kept), count - len(kept))
    assert [queue.take() for _ in kept] == kept


def test_refusing_it_keeps_what_it_has() -> None:
    queue, _ = a_queue_of(RELAY_QUEUE, 3)
    for number in range(3):
        queue.append(number)
    with pytest.raises(LimitReached, match=r"at most 3 items \(link\.relay_queue\), and 3 are in use"):
        queue.append(3)
    assert [queue.take() for _ in range(3)] == [0, 1, 2]


def test_an_empty_one_has_nothing_to_take() -> None:
    queue, _ = a_queue_of(CANDIDATES, 3)
    with pytest.raises(IndexError):
        queue.take()


@given(st.lists(st.none() | st.integers(), max_size=40))
def test_it_agrees_with_a_list(steps: list[int | None]) -> None:
    queue, ledger = a_queue_of(CANDIDATES, 5)
    model: list[int] = []
    for step in steps:
        if step is not None:
            queue.append(step)
            model = [*model, step][-5:]
        elif model:
            assert queue.take() == model.pop(0)
        assert len(queue) == len(model)
    queue.clear()
    entry = next(entry for entry in ledger.entries() if entry.name == CANDIDATES.name)
    assert (len(queue), entry.used) == (0, 0)
