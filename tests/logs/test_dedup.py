"""Repeated lines: the first is logged, and the others are counted and reported once a minute."""

import logging
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobifai.bounds import Ledger
from mobifai.limits import LOG_KINDS
from mobifai.logs.dedup import RepeatFilter
from mobifai.logs.formatting import MessageKind
from tests.health.clock import Clock


@dataclass
class Speaker:
    """Records the lines that `RepeatFilter` accepts, as the log does."""

    kinds: int = 8
    clock: Clock = field(default_factory=Clock)
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ledger = Ledger({LOG_KINDS.name: self.kinds})
        self.repeats = RepeatFilter(self.ledger.open(LOG_KINDS), self.clock)

    def says(self, message: str, kind: str | None = None) -> None:
        what = MessageKind("mobifai.test", logging.INFO, kind or message)
        self.said += [str(repeated) for repeated in self.repeats.due(what)]
        if self.repeats.admit(what, message):
            self.said.append(message)

    def used(self) -> tuple[int, int]:
        entry = next(entry for entry in self.ledger.entries() if entry.name == LOG_KINDS.name)
        return entry.peak, entry.evicted


def test_the_first_of_a_kind_is_said_and_the_rest_counted() -> None:
    speaker = Speaker()
    for number in range(4):
        speaker.says(f"lost {number}", kind="lost %d")
    assert speaker.said == ["lost 0"]
    speaker.clock.goes(60)
    speaker.says("something else")
    assert speaker.said == ["lost 0", "lost 3 ... repeated 3 times in the last minute", "something else"]


def test_a_repeated_message_is_summarized_once_a_minute() -> None:
    speaker = Speaker()
    for _ in range(180):
        speaker.says("again")
        speaker.clock.goes(1)
    assert speaker.said == [
        "again",
        *["again ... repeated 59 times in the last minute"],
        "again ... repeated 60 times in the last minute",
    ]


def test_a_message_less_often_than_once_a_minute_is_always_written() -> None:
    speaker = Speaker()
    for _ in range(3):
        speaker.says("health")
        speaker.clock.goes(61)
    assert speaker.said == ["health"] * 3


def test_a_summary_states_the_minutes_of_a_longer_period() -> None:
    speaker = Speaker()
    speaker.says("lost")
    speaker.says("lost")
    speaker.clock.goes(600)
    assert [str(repeated) for repeated in speaker.repeats.due()] == ["lost ... repeated 1 time in the last 10 minutes"]


def test_the_rest_is_said_at_the_end() -> None:
    speaker = Speaker()
    for message in ("a", "b", "a"):
        speaker.says(message)
    assert [repeated.message for repeated in speaker.repeats.drain()] == ["a"]
    assert list(speaker.repeats.drain()) == []


def test_only_the_first_line_of_a_long_message_is_kept() -> None:
    speaker = Speaker()
    speaker.says("x" * 1000 + "\nmore", kind="x")
    speaker.says("x" * 1000 + "\nmore", kind="x")
    assert next(speaker.repeats.drain()).message == "x" * 200


@pytest.mark.parametrize(("kinds", "evicted"), [(7, 0), (8, 0), (9, 1)])
def test_kinds_are_bounded(kinds: int, evicted: int) -> None:
    speaker = Speaker(kinds=8)
    for number in range(kinds):
        speaker.says(f"kind {number}")
    assert speaker.used() == (min(kinds, 8), evicted)


def test_a_kind_that_makes_room_says_its_count_first() -> None:
    speaker = Speaker(kinds=1)
    for message in ("a", "a", "a", "b"):
        speaker.says(message)
    assert speaker.said == ["a", "a ... repeated 2 times in the last minute", "b"]


@settings(max_examples=200)
@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.floats(0, 90)), max_size=60), st.integers(1, 6))
def test_no_message_is_lost_whatever_comes(logged: list[tuple[str, float]], kinds: int) -> None:
    speaker = Speaker(kinds=kinds)
    for message, pause in logged:
        speaker.says(message)
        speaker.clock.goes(pause)
    counted = [*speaker.said, *(str(repeated) for repeated in speaker.repeats.drain())]
    assert sum(_count(text) for text in counted) == len(logged)
    assert speaker.used()[0] <= kinds


def _count(text: str) -> int:
    _, found, rest = text.partition(" ... repeated ")
    return int(rest.split()[0]) if found else 1
