"""Handles SIGINT, SIGTERM and SIGHUP of a command until the process ends.

Before `hold`, a signal raises KeyboardInterrupt, because nothing needs cleaning up yet. After it, a signal is recorded
and cancels the current job. So no signal interrupts a command while it cleans up and writes its report.
"""

import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, Self, TypeVar

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruption:
    """Counts the signals that ask a command to end. Each raises KeyboardInterrupt until `hold` is called.

    SIGINT and SIGHUP stay ignored if they are ignored at the start (as with nohup). SIGTERM is always handled.
    """

    def __init__(self) -> None:
        self.count = 0
        self._handled: dict[signal.Signals, Any] = {}  # bounded by SIGNALS
        self._held = False
        self._wake: Callable[[], object] | None = None

    def __enter__(self) -> Self:
        self.handle()
        return self

    def handle(self) -> None:
        """Install handlers for SIGTERM, and for each of the other signals unless it is ignored."""
        for number in SIGNALS:
            if number == signal.SIGTERM or signal.getsignal(number) is not signal.SIG_IGN:
                self._handled[number] = signal.signal(number, self._arrived)

    def __exit__(self, *_error: object) -> None:
        """Restore the previous handlers."""
        for number, handler in self._handled.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        self._handled = {}

    @property
    def asked(self) -> bool:
        """Whether a signal has arrived."""
        return self.count > 0

    def hold(self) -> None:
        """Record signals from now on, instead of raising KeyboardInterrupt."""
        self._held = True

    def ignore(self) -> None:
        """Ignore the handled signals from now on, because the command is done and its exit status is known."""
        self.hold()
        for number in self._handled:
            signal.signal(number, signal.SIG_IGN)

    def _arrived(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1
        if not self._held:
            raise KeyboardInterrupt
        if self._wake is not None:
            self._wake()

    async def end(self, job: Awaitable[T], *, at: int = 1) -> T:
        """Run `job` and return its result. Once `at` signals have arrived, cancel the job, which may still return a
        result.

        Raises the errors of the job, and CancelledError if the cancelled job returns no result.
        """
        import asyncio  # noqa: PLC0415 - signals are handled before anything heavy is imported

        loop, arrived = asyncio.get_running_loop(), asyncio.Event()
        before, self._wake = self._wake, lambda: loop.call_soon_threadsafe(arrived.set)
        going = asyncio.ensure_future(job)
        try:
            await asyncio.sleep(0)  # let the job start, so that it can report its progress
            while not going.done() and self.count < at:
                arrived.clear()
                waiting = asyncio.ensure_future(arrived.wait())
                await asyncio.wait({going, waiting}, return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
        finally:
            if not going.done():
                going.cancel()
                await asyncio.wait({going})
            self._wake = before
        return going.result()

    @asynccontextmanager
    async def event(self) -> "AsyncIterator[asyncio.Event]":
        """Yield an event that is set once a signal has arrived."""
        import asyncio  # noqa: PLC0415 - as above

        loop, event = asyncio.get_running_loop(), asyncio.Event()
        if self.asked:
            event.set()
        before, self._wake = self._wake, lambda: loop.call_soon_threadsafe(event.set)
        try:
            yield event
        finally:
            self._wake = before


@contextmanager
def recorded_signals() -> Iterator[Interruption]:
    """Record SIGINT, SIGTERM and SIGHUP in this scope, without raising KeyboardInterrupt.

    If one of them has arrived, all of them are ignored after the scope, because the process is ending.
    """
    interruption = Interruption()
    interruption.hold()
    interruption.handle()
    try:
        yield interruption
    finally:
        if interruption.asked:
            interruption.ignore()
        else:
            interruption.__exit__()
