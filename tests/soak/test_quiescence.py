"""Waiting until an agent is at rest: the wait always ends, and returns the latest count."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from itertools import chain, repeat
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soak.gauges.quiescence import NotAtRest, at_rest, everybody_gone, steady_part

SHORT = 0.2
CLOCK_ROUNDING = 1e-6
"""Seconds by which the difference of two times of a clock may be off: they are floating-point numbers."""
LONG = 20.0
"""A time limit in seconds that no test should reach: a wait that reaches it has not noticed that it can end."""

LEDGER: list[dict[str, Any]] = [{"name": "terminals"}]
AT_REST = {"tasks:serve": 2.0, "descriptors:agent socket": 4.0}


class Counter:
    """Returns one count after the other, then repeats the last one."""

    def __init__(self, counts: Iterable[Mapping[str, float]]) -> None:
        self.given: list[dict[str, float]] = []
        counts = [*counts]
        self._counts = chain(counts, repeat(counts[-1]))

    async def __call__(self) -> tuple[dict[str, float], list[dict[str, Any]]]:
        self.given.append(dict(next(self._counts)))
        return self.given[-1], LEDGER


async def timed(job: Awaitable[Any]) -> tuple[Any, float]:
    """Return the result of an awaitable, and the seconds that it took."""
    clock = asyncio.get_running_loop().time
    began = clock()
    return await job, clock() - began


# -- at rest


async def test_what_is_at_rest_is_counted_twice() -> None:
    counter = Counter([AT_REST])
    (values, entries), seconds = await timed(at_rest(counter, AT_REST, LONG))
    assert (values, entries) == (AT_REST, LEDGER)
    assert len(counter.given) == 2
    assert seconds < LONG / 4


async def test_every_process_must_have_all_objects_twice() -> None:
    settling = [{**AT_REST, "keeper/python.blocks": value} for value in (9.0, 8.0, 7.0, 7.0)]
    values, _ = await at_rest(Counter(settling), AT_REST, LONG)
    assert values["keeper/python.blocks"] == 7.0


async def test_what_goes_a_moment_later_is_waited_for() -> None:
    more = {**AT_REST, "tasks:leave": 1.0}
    counter = Counter([more, more, AT_REST])
    values, _ = await at_rest(counter, AT_REST, LONG)
    assert values == AT_REST
    assert len(counter.given) == 4


async def test_what_stays_is_what_is_given_when_the_time_is_up() -> None:
    more = {**AT_REST, "tasks:leave": 1.0}
    (values, _), seconds = await timed(at_rest(Counter([more]), AT_REST, SHORT))
    assert values == more
    assert seconds >= SHORT - CLOCK_ROUNDING


async def test_less_than_expected_is_waited_for_too() -> None:
    """A connection that is being reopened: for a moment there is one descriptor less."""
    less = {"tasks:serve": 2.0, "descriptors:agent socket": 3.0}
    values, _ = await at_rest(Counter([less, less, AT_REST]), AT_REST, LONG)
    assert values == AT_REST


async def test_without_an_expectation_it_is_enough_that_nothing_moves() -> None:
    counter = Counter([{"tasks:a": 3.0}, {"tasks:a": 2.0}, {"tasks:a": 1.0}])
    values, _ = await at_rest(counter, None, LONG)
    assert values == {"tasks:a": 1.0}
    assert len(counter.given) == 4


async def test_objects_that_still_go_are_waited_for_but_heap_and_memory_may_waver() -> None:
    counts = [
        {**AT_REST, "python.blocks": blocks, "heap.bytes": heap, "rss.bytes": heap * 2}
        for blocks, heap in ((900.0, 1.0), (800.0, 2.0), (800.0, 3.0))
    ]
    counter = Counter(counts)
    values, _ = await at_rest(counter, AT_REST, LONG)
    assert (values["python.blocks"], values["heap.bytes"]) == (800, 3)
    assert len(counter.given) == 3


async def test_pauses_grow_so_that_an_agent_that_never_rests_is_not_asked_without_end() -> None:
    counter = Counter({"tasks:a": float(number)} for number in range(1000))
    await at_rest(counter, AT_REST, 1.0)
    assert 3 <= len(counter.given) <= 12


async def test_what_the_count_raises_is_raised() -> None:
    async def count() -> tuple[dict[str, float], list[dict[str, Any]]]:
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        await at_rest(count, None, LONG)


values = st.dictionaries(
    st.sampled_from(["tasks:a", "threads:b", "python.blocks", "types:c", "heap.bytes"]), st.integers(0, 3).map(float)
)


@given(counts=st.lists(values, min_size=1, max_size=6), expected=st.none() | values)
@settings(max_examples=40)
async def test_it_ends_always_and_gives_the_last_count(
    counts: list[dict[str, float]], expected: dict[str, float] | None
) -> None:
    counter = Counter(counts)
    (given_, _), seconds = await timed(at_rest(counter, expected and steady_part(expected), 0.05))
    assert given_ == counter.given[-1]
    assert seconds < 5


@given(values)
def test_the_steady_part_has_no_zeros_and_nothing_that_wavers(counted: dict[str, float]) -> None:
    steady = steady_part(counted)
    assert all(value > 0 for value in steady.values())
    assert {*steady} <= {"tasks:a", "threads:b"}
    assert steady == {name: value for name, value in counted.items() if name in steady}


# -- everybody gone


def telling(*answers: tuple[str | None, list[str]]) -> Callable[[], Awaitable[Mapping[str, Any]]]:
    """Return a function that returns one status after the other, then repeats the last one."""
    rest = chain(answers, repeat(answers[-1]))

    async def status() -> Mapping[str, Any]:
        phone, terminals = next(rest)
        return {"phone": phone, "terminals": terminals}

    return status


async def test_phones_and_terminals_are_waited_for() -> None:
    await everybody_gone(telling(("phone", ["one"]), (None, ["one"]), ("phone", []), (None, [])), LONG)


@pytest.mark.parametrize(
    ("phone", "terminals", "left"),
    [("a phone", [], "phone a phone, 0 terminals"), (None, ["1", "2"], "phone None, 2 terminals")],
)
async def test_who_does_not_go_is_named(phone: str | None, terminals: list[str], left: str) -> None:
    with pytest.raises(
        NotAtRest, match=f"expected no phone and no terminal 0.2 s after all phones have left; found {left}"
    ):
        await everybody_gone(telling((phone, terminals)), SHORT)


async def test_an_agent_that_does_not_answer_is_given_up_too() -> None:
    async def status() -> Mapping[str, Any]:
        return await asyncio.get_running_loop().create_future()

    with pytest.raises(NotAtRest):
        await everybody_gone(status, SHORT)
