"""Clocks. Durations are measured on one that nobody sets; times of day are shown, whatever they are.

The system's clock may be wrong by years and be set at any moment: a machine without a battery clock starts in 1970.
"""

import math
import time
from datetime import UTC, datetime

_FIRST, _LAST = -62_135_596_800, 253_402_300_799
"""The first second of year 1 and the last of year 9999: what a date can be."""

_MARGIN = 86_400
"""For time zones, which shift a date by less than a day."""


def elapsed() -> float:
    """Seconds that never go back, those of a suspended machine included where the system counts them."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


def utc_datetime(seconds: float) -> datetime:
    """Seconds since the epoch as a date, in UTC; the nearest date for what is none."""
    if math.isnan(seconds):
        seconds = 0.0
    return datetime.fromtimestamp(min(max(seconds, _FIRST + _MARGIN), _LAST - _MARGIN), UTC)


def iso_time(seconds: float) -> str:
    """ISO 8601 in UTC, to the second."""
    return f"{utc_datetime(seconds).replace(tzinfo=None).isoformat(timespec='seconds')}Z"


def local_datetime(seconds: float) -> datetime:
    """Seconds since the epoch as a date in the time zone of this machine."""
    when = utc_datetime(seconds)
    try:
        return when.astimezone()
    except (OSError, OverflowError, ValueError):  # the C library's own limits
        return when
