"""A monotonic clock, and conversions of the system's time.

Durations are measured on the monotonic clock. The system's clock may be wrong by years and may be set at any time: a
machine without a battery clock starts in 1970.
"""

import math
import time
from datetime import UTC, datetime

_FIRST, _LAST = -62_135_596_800, 253_402_300_799
"""The first and the last second that a `datetime` can hold, in seconds since the epoch: years 1 to 9999."""

_MARGIN = 86_400
"""A margin in seconds at both ends of the range of dates: a time zone shifts a date by less than a day."""


def elapsed() -> float:
    """Return the time of a monotonic clock, in seconds.

    On Linux (CLOCK_BOOTTIME), the clock also counts the time during which the system was suspended.
    """
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


def utc_datetime(seconds: float) -> datetime:
    """Convert seconds since the epoch to a date and time in UTC. Out of range, return the nearest valid date."""
    if math.isnan(seconds):
        seconds = 0.0
    return datetime.fromtimestamp(min(max(seconds, _FIRST + _MARGIN), _LAST - _MARGIN), UTC)


def iso_time(seconds: float) -> str:
    """Format seconds since the epoch as ISO 8601 in UTC."""
    return f"{utc_datetime(seconds).replace(tzinfo=None).isoformat(timespec='seconds')}Z"


def local_datetime(seconds: float) -> datetime:
    """Convert seconds since the epoch to a date and time in this machine's time zone, or in UTC if that fails."""
    when = utc_datetime(seconds)
    try:
        return when.astimezone()
    except (OSError, OverflowError, ValueError):  # the C library's limits are narrower
        return when
