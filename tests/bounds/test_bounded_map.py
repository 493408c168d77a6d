"""BoundedMap: a dictionary, except at its capacity."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from mobifai.bounds import BoundedMap, Ledger
from mobifai.bounds.ledger import Entry
from mobifai.errors import LimitReached
from mobifai.limits import RELAY_ATTEMPTS, RELAY_SOCKETS, TERMINALS, Limit

EVICTS = RELAY_ATTEMPTS
REFUSES = [RELAY_SOCKETS, TERMINALS]


def a_map_of(limit: Limit, capacity: int) -> tuple[BoundedMap[str, int], Ledger]:
    ledger = Ledger({limit.name: capacity})
    return BoundedMap(ledger.open(limit)), ledger


def entry(ledger: Ledger, limit: Limit) -> Entry:
    return next(entry for entry in ledger.entries() if entry.name == limit.name)


@pytest.mark.parametrize(("count", "kept"), [(2, ["0", "1"]), (3, ["0", "1", "2"]), (4, ["1", "2", "3"])])
def test_one_that_evicts_drops_the_oldest_key(count: int, kept: list[str]) -> None:
    items, ledger = a_map_of(EVICTS, 3)
    for number in range(count):
        items[str(number)] = number
    assert list(items) == kept
    assert (entry(ledger, EVICTS).used, entry(ledger, EVICTS).evicted) == (len(kept), count - len(kept))


@pytest.mark.parametrize("limit", REFUSES)
def test_one_that_refuses_keeps_what_it_has(limit: Limit) -> None:
    items, ledger = a_map_of(limit, 3)
    items.update({"a": 1, "b": 2, "c": 3})
    with pytest.raises(LimitReached, match=rf"at most 3 items \({limit.name}\), and 3 are in use"):
        items["d"] = 4
    assert dict(items) == {"a": 1, "b": 2, "c": 3}
    assert entry(ledger, limit).refused == 1


@pytest.mark.parametrize("limit", [EVICTS, *REFUSES])
def test_a_full_one_still_changes_the_value_of_a_key_that_it_has(limit: Limit) -> None:
    items, ledger = a_map_of(limit, 2)
    items.update({"a": 1, "b": 2})
    items["a"] = 3
    assert list(items.items()) == [("a", 3), ("b", 2)]
    assert (entry(ledger, limit).evicted, entry(ledger, limit).refused) == (0, 0)


def test_a_full_one_takes_a_key_again_after_another_left() -> None:
    items, _ = a_map_of(TERMINALS, 2)
    items.update({"a": 1, "b": 2})
    assert items.pop("a") == 1
    items["c"] = 3
    assert dict(items) == {"b": 2, "c": 3}


class MapAgainstModel(RuleBasedStateMachine):
    """Keys in the order of insertion. The oldest is evicted first."""

    @initialize(capacity=st.integers(1, 5), limit=st.sampled_from([EVICTS, TERMINALS]))
    def begin(self, capacity: int, limit: Limit) -> None:
        self.items, self.ledger = a_map_of(limit, capacity)
        self.limit, self.capacity = limit, capacity
        self.model: dict[str, int] = {}

    @rule(key=st.sampled_from("abcdefgh"), value=st.integers())
    def put(self, key: str, value: int) -> None:
        full = key not in self.model and len(self.model) == self.capacity
        if full and self.limit is not EVICTS:
            with pytest.raises(LimitReached):
                self.items[key] = value
            return
        if full:
            del self.model[next(iter(self.model))]
        self.items[key] = self.model[key] = value

    @rule(key=st.sampled_from("abcdefgh"))
    def delete(self, key: str) -> None:
        assert self.items.pop(key, None) == self.model.pop(key, None)

    @rule(key=st.sampled_from("abcdefgh"))
    def look(self, key: str) -> None:
        assert (key in self.items, self.items.get(key)) == (key in self.model, self.model.get(key))

    @rule()
    def clear(self) -> None:
        self.items.clear()
        self.model.clear()

    @invariant()
    def it_is_the_model(self) -> None:
        if hasattr(self, "items"):
            assert list(self.items.items()) == list(self.model.items())
            assert entry(self.ledger, self.limit).used == len(self.model) <= self.capacity


TestMapAgainstModel = MapAgainstModel.TestCase
TestMapAgainstModel.settings = settings(max_examples=60, stateful_step_count=30)
