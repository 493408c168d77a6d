"""History against a model that keeps everything."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mobifai.bounds import History, Ledger
from mobifai.errors import LimitReached
from mobifai.limits import ASSISTANT_HISTORY, ASSISTANT_HISTORY_BYTES


def a_history(items: int, size: int, group: int = 2) -> tuple[History[str], Ledger]:
    ledger = Ledger({"assistant.history": items, "assistant.history_bytes": size})
    return History(ledger.open(ASSISTANT_HISTORY), ledger.open(ASSISTANT_HISTORY_BYTES), len, group), ledger


class HistoryAgainstModel(RuleBasedStateMachine):
    """`everything` was appended; the history must be its first entry and its newest whole groups that fit."""

    @initialize(items=st.integers(1, 9), size=st.integers(1, 60), group=st.integers(1, 3))
    def begin(self, items: int, size: int, group: int) -> None:
        self.items, self.size, self.group = items, size, group
        self.history, self.ledger = a_history(items, size, group)
        self.everything: list[str] = []

    def fitting(self, entries: list[str]) -> list[str] | None:
        """The first entry and as many of the newest as there is room for, by whole groups from the front."""
        for gone in range(0, max(1, (len(entries) - 2) // self.group * self.group + 1), self.group):
            kept = entries[:1] + entries[1 + gone :]
            if len(kept) <= self.items and sum(map(len, kept)) <= self.size:
                return kept
        return None

    @rule(entry=st.text("ab", max_size=30))
    def append(self, entry: str) -> None:
        kept = self.fitting([*self.history, entry])
        if kept is None:
            before = list(self.history)
            with pytest.raises(LimitReached):
                self.history.append(entry)
            assert list(self.history) == before
        else:
            gone = self.history.append(entry)
            assert gone == len(self.everything) + 1 - len(kept)
            self.everything = kept
            assert gone % self.group == 0

    @precondition(lambda self: self.everything)
    @rule()
    def rewrite(self) -> None:
        self.everything = [entry[:3] for entry in self.everything]
        self.history.rewrite(lambda entry: entry[:3])

    @rule()
    def clear(self) -> None:
        self.everything = []
        self.history.clear()

    @invariant()
    def it_is_what_it_should_be_and_counted(self) -> None:
        if not hasattr(self, "history"):
            return
        assert list(self.history) == self.everything
        assert self.history.size == sum(map(len, self.everything))
        entries = {entry.name: entry for entry in self.ledger.entries()}
        assert entries["assistant.history"].used == len(self.everything)
        assert entries["assistant.history"].peak <= self.items
        assert entries["assistant.history_bytes"].used == self.history.size
        assert entries["assistant.history_bytes"].peak <= self.size


TestHistoryAgainstModel = HistoryAgainstModel.TestCase
TestHistoryAgainstModel.settings = settings(max_examples=100, stateful_step_count=30)


@pytest.mark.parametrize(("entries", "kept"), [(4, 4), (5, 5), (6, 4)])
def test_it_holds_what_its_limit_says_and_then_drops_a_pair(entries: int, kept: int) -> None:
    history, _ = a_history(5, 1000)
    for number in range(entries):
        history.append(str(number))
    assert len(history) == kept
    assert next(iter(history)) == "0"
    assert list(history)[-1] == str(entries - 1)


@pytest.mark.parametrize(("size", "gone"), [(9, 0), (10, 0), (11, 2)])
def test_it_holds_as_much_as_its_limit_says_and_then_drops_a_pair(size: int, gone: int) -> None:
    history, _ = a_history(100, 13)
    for entry in ("0", "1", "2"):
        history.append(entry)
    assert history.append("x" * size) == gone


def test_what_does_not_fit_beside_the_first_entry_is_refused_and_counted() -> None:
    history, ledger = a_history(100, 10)
    history.append("12345678")
    with pytest.raises(LimitReached, match="assistant.history_bytes"):
        history.append("123")
    assert next(entry.refused for entry in ledger.entries() if entry.name == "assistant.history_bytes") == 1


@pytest.mark.parametrize(
    ("items", "size", "evicted"),
    [(4, 60, {"assistant.history": 2, "assistant.history_bytes": 0}),
     (9, 10, {"assistant.history": 2, "assistant.history_bytes": 5})],
)  # fmt: skip
def test_the_limit_that_was_full_says_what_had_to_go(items: int, size: int, evicted: dict[str, int]) -> None:
    history, ledger = a_history(items, size)
    for entry in ("a", "bb", "ccc", "d", "eeee"):
        history.append(entry)
    assert list(history) == ["a", "d", "eeee"]
    assert {entry.name: entry.evicted for entry in ledger.entries() if entry.name in evicted} == evicted
