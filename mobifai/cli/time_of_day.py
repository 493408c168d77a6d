"""A time of day, waited for on the wall clock, which may be set, in a time zone that may change."""

import asyncio
import datetime as dt
import time
from collections.abc import Awaitable, Callable

from mobifai.clocks import local_datetime

LOOK_SECONDS = 60.0
"""How often the clock is looked at: it may be set, and the machine may sleep."""

_DAY = 86_400.0


def wall_clock() -> dt.datetime:
    """The date and time that a clock on the wall shows here and now."""
    time.tzset()  # the system's time zone may be another one than at the start
    return local_datetime(time.time()).replace(tzinfo=None)


async def until_time_of_day(
    at: dt.time,
    now: Callable[[], dt.datetime] = wall_clock,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Wait until the wall clock passes `at`. A clock that is set back is followed."""
    before = now()
    while True:
        left = _seconds_until(at, before)
        await sleep(min(left, LOOK_SECONDS))
        present = now()
        if (present - before).total_seconds() >= left:
            return
        before = present


def _seconds_until(at: dt.time, present: dt.datetime) -> float:
    """More than 0, and at most a day."""
    gap = dt.datetime.combine(present.date(), at) - present
    return gap.total_seconds() % _DAY or _DAY
