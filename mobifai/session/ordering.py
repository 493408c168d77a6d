"""The order of one session's messages over all transports, and how long a missing message is waited for.

Owns the messages that came too early, and one timer. A message that is missing on the relay is held back there: after a
while the session is broken. One that is missing on the data channel is lost with the channel.
"""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from mobifai.bounds import BoundedMap, Ledger
from mobifai.limits import SESSION_HELD
from mobifai.protocol.order import Arrivals, Way

T = TypeVar("T")

RELAY_SECONDS = 5.0
"""How long a relay may take to carry what was sent by it before something that came by the data channel."""

CHANNEL_SECONDS = 2.0
"""The same for the data channel, before something that came by the relay: then the channel counts as dead. A lost
packet is sent again after a second."""

_PATIENCE = {Way.RELAY: RELAY_SECONDS, Way.CHANNEL: CHANNEL_SECONDS}

LOOKS = 2
"""Parts of that time, timed one after the other: after a pause of the whole process its first timer is due before the
messages that came meanwhile are read."""


class Ordering(Generic[T]):
    """The order of one session. `missing` is called when a message did not come in time on this transport."""

    def __init__(self, ledger: Ledger, missing: Callable[[Way], None]) -> None:
        self._ledger = ledger
        self._bound = ledger.open(SESSION_HELD)
        self._missing = missing
        self._arrivals: Arrivals[T] = Arrivals(BoundedMap(self._bound))
        self._timer: asyncio.TimerHandle | None = None
        self._awaited: Way | None = None

    def take(self, way: Way, number: int | None, message: T) -> list[T]:
        """Return the messages that can be handled now, in their order.

        Raises EncryptionError for a message that came late or twice, or when too many are held.
        """
        return self._watched(self._arrivals.take(way, number, message))

    def channel_begins(self, number: int | None) -> list[T]:
        """Note that a new data channel carries messages from this number on. Return those that can be handled now."""
        return self._watched(self._arrivals.channel_begins(number))

    def channel_ended(self) -> list[T]:
        """Note that the data channel is gone with what was under way. Return the messages that can be handled now."""
        return self._watched(self._arrivals.channel_lost())

    def close(self) -> None:
        """Forget what is held. Idempotent."""
        self._stop_timer()
        self._arrivals.begin()
        self._ledger.close(self._bound)

    def _watched(self, ready: list[T]) -> list[T]:
        """Time the message that is missing now, if one is."""
        missing = self._arrivals.missing_on
        if ready or missing is not self._awaited:
            self._stop_timer()
            self._awaited = missing
            if missing is not None:
                self._wait(missing, LOOKS)
        return ready

    def _wait(self, missing: Way, looks: int) -> None:
        seconds = _PATIENCE[missing] / LOOKS
        self._timer = asyncio.get_running_loop().call_later(seconds, self._look, missing, looks - 1)

    def _look(self, missing: Way, looks: int) -> None:
        if looks:
            self._wait(missing, looks)
        else:
            self._timer = None
            self._missing(missing)

    def _stop_timer(self) -> None:
        self._awaited = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
