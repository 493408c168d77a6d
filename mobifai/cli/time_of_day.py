"""Waits for a time of day. The wall clock and the time zone may change during the wait."""

import asyncio
import datetime as dt
import time
from collections.abc import Awaitable, Callable

from mobifai.clocks import local_datetime

LOOK_SECONDS = 60.0
"""The maximum interval in seconds between two readings of the wall clock. The clock may be set, and the machine may
sleep."""

_DAY = 86_400.0


def wall_clock() -> dt.datetime:
    """Return the local date and time, in the time zone that the system has now, as a naive datetime."""
    time.tzset()  # the system's time zone may have changed
    return local_datetime(time.time()).replace(tzinfo=None)


async def until_time_of_day(
    at: dt.time,
    now: Callable[[], dt.datetime] = wall_clock,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Wait until the wall clock passes the time `at`. If the clock is set back, the wait becomes longer."""
    before = now()
    while True:
        left = _seconds_until(at, before)
        await sleep(min(left, LOOK_SECONDS))
        present = now()
        if (present - before).total_seconds() >= left:
            return
        before = present


def _seconds_until(at: dt.time, present: dt.datetime) -> float:
    """Return the seconds from `present` until the next time `at`: more than 0, and at most a day."""
    gap = dt.datetime.combine(present.date(), at) - present
    return gap.total_seconds() % _DAY or _DAY
