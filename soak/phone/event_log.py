"""The recent events of one phone, within limits, and a way to wait for later ones.

Events are stored by name, so that many events of one name do not evict events of another. This module does not process
events.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from mobifai.errors import MobiFaiError

T = TypeVar("T")

Json = Any
"""Any JSON value."""

NAMES = 128
"""Most names of events that are stored. The protocol has about 60."""
EVENTS = 64
"""Most events of one name that are stored."""
CHARACTERS = 256 << 10
"""Most characters in the stored events of one name: more than two screens of 100 KB."""


class PhoneError(MobiFaiError):
    """An expected event did not arrive, or a request was refused.

    If a request was refused, `event` is the name of the refusal (`login_required`, `auth_error`, `error`,
    `process:error` or `ai:error`), and `payload` its payload, if known. Otherwise `event` is `timeout`, `not_connected`
    or `error`.
    """

    def __init__(self, event: str, detail: str, payload: Json = None) -> None:
        super().__init__(f"{event}: {detail}")
        self.event = event
        self.payload = payload


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """One event that a phone received. `number` is its position among all events of the phone. `path` is `channel`,
    `relay`, or `phone` for events of the phone itself.
    """

    number: int
    event: str
    payload: Json
    path: str


class ChangeNotifier:
    """Wakes tasks that wait until a condition is true."""

    def __init__(self) -> None:
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._next = 0
        self._failure: BaseException | None = None

    def notify(self) -> None:
        """Let waiting tasks check their conditions again."""
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_result(None)

    def fail(self, failure: BaseException) -> None:
        """Raise `failure` in every task that waits now or later."""
        self._failure = failure
        self.notify()

    async def until(self, ready: Callable[[], T | None], timeout: float, what: Callable[[], str]) -> T:
        """Return the result of `ready` once it is not None.

        Raises PhoneError after `timeout` seconds. `what` returns the description of the expected event for this error.
        """
        try:
            async with asyncio.timeout(timeout):
                while (found := ready()) is None:
                    if self._failure is not None:
                        raise self._failure
                    await self._turn()
        except TimeoutError:
            raise PhoneError("timeout", f"expected {what()} within {timeout:g} s") from None
        return found

    async def _turn(self) -> None:
        key, self._next = self._next, self._next + 1
        self._waiting[key] = asyncio.get_running_loop().create_future()
        try:
            await self._waiting[key]
        finally:
            del self._waiting[key]


class EventLog:
    """The recent events of a phone. Taking an event removes it from the log."""

    def __init__(self) -> None:
        self._events: dict[str, deque[ReceivedEvent]] = {}
        self._sizes: dict[str, int] = {}
        self.count = 0
        """The number of events so far, which is also the `number` of the next event."""

    def add(self, event: str, payload: Json, path: str) -> ReceivedEvent:
        """Store an event. If its name has too many events, evict the oldest of these. If there are too many names, do
        not store it.
        """
        received = ReceivedEvent(self.count, event, payload, path)
        self.count += 1
        kept = self._events.get(event)
        if kept is None and len(self._events) >= NAMES:
            return received
        self._keep(self._events.setdefault(event, deque()), received)
        return received

    def _keep(self, kept: deque[ReceivedEvent], received: ReceivedEvent) -> None:
        kept.append(received)
        size = self._sizes.get(received.event, 0) + _size(received.payload)
        while len(kept) > 1 and (len(kept) > EVENTS or size > CHARACTERS):
            size -= _size(kept.popleft().payload)
        self._sizes[received.event] = size

    def take(self, events: tuple[str, ...], where: Callable[[Any], bool] | None, since: int) -> ReceivedEvent | None:
        """Remove and return the oldest event whose name is in `events`; None if there is none.

        Only events from number `since` on are considered, and only those for whose payload `where` returns True.
        """
        fitting = [
            received
            for event in events
            for received in self._of(event, since)
            if where is None or where(received.payload)
        ]
        if not fitting:
            return None
        first = min(fitting, key=lambda received: received.number)
        self._events[first.event].remove(first)
        self._sizes[first.event] -= _size(first.payload)
        return first

    def _of(self, event: str, since: int) -> Iterator[ReceivedEvent]:
        return (received for received in self._events.get(event, ()) if received.number >= since)

    def names(self, since: int = 0) -> list[str]:
        """Return the name of each stored event from number `since` on, oldest first, for error messages."""
        kept = [received for events in self._events.values() for received in events if received.number >= since]
        return [received.event for received in sorted(kept, key=lambda received: received.number)]


def _size(payload: Json) -> int:
    if isinstance(payload, str):
        return len(payload)
    if isinstance(payload, dict):
        return sum(len(value) for value in payload.values() if isinstance(value, str))
    return 0
