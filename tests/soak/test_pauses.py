"""Pauses, in which the harness does not run: the clock reveals them, and they are no part of a run's duration."""

import asyncio

import pytest

from soak.harness.pauses import CHECK_SECONDS, LEAST_SECONDS, PauseDetector


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_look_in_time_is_no_pause(clock: Clock) -> None:
    pauses = PauseDetector(clock)
    for _ in range(100):
        clock.now += CHECK_SECONDS
        assert pauses.check() == 0
    assert (pauses.count, pauses.elapsed()) == (0, 100 * CHECK_SECONDS)


def test_load_that_holds_the_loop_up_for_a_moment_is_no_pause(clock: Clock) -> None:
    pauses = PauseDetector(clock)
    clock.now += LEAST_SECONDS
    assert pauses.check() == 0
    assert pauses.elapsed() == LEAST_SECONDS


@pytest.mark.parametrize("seconds", [LEAST_SECONDS, 45.0, 86_400.0])
def test_a_pause_is_noticed_once_and_is_no_part_of_the_duration(clock: Clock, seconds: float) -> None:
    pauses = PauseDetector(clock)
    clock.now += seconds + CHECK_SECONDS
    assert pauses.check() == pytest.approx(seconds)
    assert pauses.check() == 0
    assert (pauses.count, pauses.seconds) == (1, pytest.approx(seconds))
    assert pauses.elapsed() == pytest.approx(CHECK_SECONDS)


async def test_each_pause_is_reported_while_it_is_watched(clock: Clock) -> None:
    pauses, reported = PauseDetector(clock), asyncio.Queue[float]()
    watching = asyncio.ensure_future(pauses.watch(reported.put_nowait))
    clock.now += 60
    assert await asyncio.wait_for(reported.get(), 10) == pytest.approx(60 - CHECK_SECONDS)
    watching.cancel()
    await asyncio.wait({watching})
