"""A daily restart happens when the wall clock passes its time of day, however the clock is set."""

import datetime as dt

import pytest

from mobifai.cli.time_of_day import LOOK_SECONDS, until_time_of_day

START = dt.datetime(2026, 5, 1, 12, 0)


class Wall:
    """A wall clock that advances during a sleep. `jumps` are its changes by the number of the sleep."""

    def __init__(self, start: dt.datetime = START, **jumps: float) -> None:
        self.time = start
        self.slept = 0.0
        self._jumps = {int(number.removeprefix("at_")): seconds for number, seconds in jumps.items()}
        self._count = 0

    def now(self) -> dt.datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        assert 0 < seconds <= LOOK_SECONDS
        assert self.slept < 3 * 86_400, "it never came"
        self.slept += seconds
        self._count += 1
        self.time += dt.timedelta(seconds=seconds + self._jumps.get(self._count, 0.0))


async def test_it_comes_at_its_time_of_day() -> None:
    wall = Wall()
    await until_time_of_day(dt.time(4, 30), wall.now, wall.sleep)
    assert wall.time == dt.datetime(2026, 5, 2, 4, 30)


async def test_at_the_very_time_it_waits_a_day() -> None:
    wall = Wall()
    await until_time_of_day(dt.time(12, 0), wall.now, wall.sleep)
    assert wall.slept == 86_400


@pytest.mark.parametrize("years", [-10, -1, 1, 10])
async def test_a_clock_that_is_set_by_years_delays_it_by_a_day_at_most(years: int) -> None:
    wall = Wall(at_5=years * 365.25 * 86_400)
    await until_time_of_day(dt.time(4, 30), wall.now, wall.sleep)
    assert wall.slept <= 86_400


async def test_a_machine_that_slept_through_it_has_it_when_it_wakes() -> None:
    wall = Wall(at_3=20 * 3600)
    await until_time_of_day(dt.time(4, 30), wall.now, wall.sleep)
    assert wall.slept == 3 * LOOK_SECONDS


@pytest.mark.parametrize("start", [dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30)])
async def test_the_first_and_the_last_of_all_days_are_no_error(start: dt.datetime) -> None:
    wall = Wall(start)
    await until_time_of_day(dt.time(0, 5), wall.now, wall.sleep)
    assert wall.slept == 300
