"""Signals that ask a command to end, for the whole time in which it has something to leave tidy.

A loop's own handlers go with the loop. A second Ctrl-C would then end the process while it removes its folder or prints
its summary. These stay until the end of the scope, and after a request to end nothing interrupts what is left to do.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequests:
    """Whether somebody asked for the end. `first` is the signal that did."""

    def __init__(self) -> None:
        self.first: signal.Signals | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._event: asyncio.Event | None = None

    @asynccontextmanager
    async def event(self) -> AsyncIterator[asyncio.Event]:
        """An event of the running loop that is set once somebody asks."""
        self._loop, self._event = asyncio.get_running_loop(), asyncio.Event()
        if self.first is not None:
            self._event.set()
        try:
            yield self._event
        finally:
            self._loop = self._event = None

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.first = self.first or signal.Signals(number)
        if self._loop is not None and self._event is not None:
            self._loop.call_soon_threadsafe(self._event.set)


@contextmanager
def stop_requests() -> Iterator[StopRequests]:
    """Note SIGINT, SIGTERM and SIGHUP in this scope. After one of them, all three stay ignored: the process is ending.

    SIGHUP and SIGINT that the parent ignores stay ignored: nohup, and a script for what it starts by `&`.
    """
    requests = StopRequests()
    handled = [number for number in SIGNALS if _is_handled(number)]
    usual = {number: signal.signal(number, requests._note) for number in handled}
    try:
        yield requests
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler if requests.first is None else signal.SIG_IGN)


def _is_handled(number: signal.Signals) -> bool:
    return number == signal.SIGTERM or signal.getsignal(number) is not signal.SIG_IGN
