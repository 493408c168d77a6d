"""Detects pauses, in which the harness did not run: the machine slept, its processes were stopped, or its loop blocked.

A timeout that expires because of a pause says nothing about an agent. The clock that is used here continues while the
machine sleeps. If much more time has passed between two checks than the harness waited, there was a pause. Owns no
task.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TypeVar

from soak.report.figures import duration

T = TypeVar("T")

CHECK_SECONDS = 0.5
LEAST_SECONDS = 5.0
"""Least length of a pause. A shorter delay is caused by load, for which all timeouts have room."""


class Paused(Exception):
    """An operation failed while the harness was paused. The failure says nothing about the agent."""


def clock_with_sleep() -> float:
    """Return seconds of a monotonic clock that includes the time in which the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class PauseDetector:
    """Counts the pauses of the harness and adds up their length."""

    def __init__(self, clock: Callable[[], float] = clock_with_sleep) -> None:
        self.count = 0
        self.seconds = 0.0
        self._clock = clock
        self._began = self._last = clock()

    def elapsed(self) -> float:
        """Return the seconds since this object was created, without the detected pauses."""
        return self._clock() - self._began - self.seconds

    def check(self) -> float:
        """Return how many seconds the harness was paused since the previous check; 0 if it was not paused."""
        now = self._clock()
        missed, self._last = now - self._last - CHECK_SECONDS, now
        if missed < LEAST_SECONDS:
            return 0.0
        self.count += 1
        self.seconds += missed
        return missed

    @contextmanager
    def guard(self, noticed: Callable[[float], None]) -> Iterator[None]:
        """If the harness was paused in this scope, raise Paused instead of an exception that the scope has raised.

        `noticed` is called with the seconds of the pause.
        """
        before = self.count
        try:
            yield
        except Exception as error:
            if missed := self.check():
                noticed(missed)
            if self.count > before:
                raise Paused from error
            raise

    async def repeat(
        self, folder: Path, operation: Callable[[Path], Awaitable[T]], noticed: Callable[[float], None]
    ) -> T:
        """Run `operation` in `folder`, and return its result. If a pause interrupts it, run it again in another folder.

        The other folders are beside `folder`. `noticed` is called with the seconds of a pause.
        """
        folders = (folder.with_name(f"{folder.name}p{number}") if number else folder for number in count())

        async def attempt() -> T:
            with self.guard(noticed):
                return await operation(next(folders))

        return await repeat_if_paused(attempt)

    async def watch(self, noticed: Callable[[float], None]) -> None:
        """Check for pauses repeatedly, until cancelled. `noticed` is called with the seconds of each pause."""
        while True:
            if missed := self.check():
                noticed(missed)
            await asyncio.sleep(CHECK_SECONDS)


async def repeat_if_paused(operation: Callable[[], Awaitable[T]]) -> T:
    """Return the result of an operation. Repeat the operation each time it raises Paused."""
    while True:
        try:
            return await operation()
        except Paused:
            continue


def pause_line(seconds: float) -> str:
    """Return the line that reports a pause of `seconds` to the user during the run."""
    return f"paused for {duration(seconds)}: the machine slept, or this process was stopped"


def pause_notes(pauses: PauseDetector) -> list[str]:
    """Return a list with the sentence about the pauses for the report; an empty list if there were none."""
    if not pauses.count:
        return []
    times = "once" if pauses.count == 1 else f"{pauses.count} times"
    total = duration(pauses.seconds)
    return [f"the run was paused {times}, {total} in all; that time is not part of its duration, and not judged"]
