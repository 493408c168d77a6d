"""Puts one session's messages from all transports in order, and limits the wait for a missing message.

Owns the messages that arrived early, and one timer. If the missing message is due on the relay, the relay is holding it
back, and the session ends after RELAY_SECONDS. If it is due on the data channel, the channel is considered dead after
CHANNEL_SECONDS, and the message is lost.
"""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from mobifai.bounds import BoundedMap, Ledger
from mobifai.limits import SESSION_HELD
from mobifai.protocol.order import Arrivals, Way

T = TypeVar("T")

RELAY_SECONDS = 5.0
"""How long, in seconds, to wait for a message through the relay after a later one has arrived on the data channel."""

CHANNEL_SECONDS = 2.0
"""How long, in seconds, to wait for a message on the data channel after a later message has arrived through the relay.
After that, the channel is considered dead. SCTP repeats a lost packet after a second."""

_PATIENCE = {Way.RELAY: RELAY_SECONDS, Way.CHANNEL: CHANNEL_SECONDS}

LOOKS = 2
"""The number of timers into which a wait is split. If the process was suspended, a timer is due immediately afterwards,
before the messages that arrived in the meantime are read. With a second timer, they are read before the wait ends."""


class Ordering(Generic[T]):
    """Puts the messages that one session receives in order (`arrivals`), and limits the wait for a missing one.

    Call `watch` after each change of `arrivals`. `missing` is called with the transport on which a message has not
    arrived in time.
    """

    def __init__(self, ledger: Ledger, missing: Callable[[Way], None]) -> None:
        self._ledger = ledger
        self._bound = ledger.open(SESSION_HELD)
        self._missing = missing
        self.arrivals: Arrivals[T] = Arrivals(BoundedMap(self._bound))
        self._timer: asyncio.TimerHandle | None = None
        self._awaited: Way | None = None

    def close(self) -> None:
        """Discard the messages that are held, and stop the timer. Idempotent."""
        self._stop_timer()
        self.arrivals.begin()
        self._ledger.close(self._bound)

    def watch(self, *, progressed: bool) -> None:
        """Start the timer if a message is missing now, and stop it if none is missing.

        `progressed`: messages became ready since the last call, so the wait begins again.
        """
        missing = self.arrivals.missing_on
        if progressed or missing is not self._awaited:
            self._stop_timer()
            self._awaited = missing
            if missing is not None:
                self._wait(missing, LOOKS)

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
