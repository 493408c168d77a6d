"""Puts one session's messages from all transports in order, and times the wait for a missing message.

Owns the messages that arrived early, and one timer. If a message is missing on the relay, the relay holds it back, and
the session ends after a while. If it is missing on the data channel, it is lost with the channel.
"""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from mobifai.bounds import BoundedMap, Ledger
from mobifai.limits import SESSION_HELD
from mobifai.protocol.order import Arrivals, Way

T = TypeVar("T")

RELAY_SECONDS = 5.0
"""How long to wait for a message by relay after a later message has arrived on the data channel."""

CHANNEL_SECONDS = 2.0
"""How long to wait for a message on the data channel after a later message has arrived by relay. After that, the
channel counts as dead. A lost packet is sent again after a second."""

_PATIENCE = {Way.RELAY: RELAY_SECONDS, Way.CHANNEL: CHANNEL_SECONDS}

LOOKS = 2
"""The number of timers into which a wait is split. After a suspension of the process, the first timer is due before the
messages that arrived meanwhile are read."""


class Ordering(Generic[T]):
    """The order of the messages that one session receives: `arrivals`, and a timer for a missing message.

    Call `watch` after each change of `arrivals`.

    `missing` is called with the transport on which a message did not arrive in time.
    """

    def __init__(self, ledger: Ledger, missing: Callable[[Way], None]) -> None:
        self._ledger = ledger
        self._bound = ledger.open(SESSION_HELD)
        self._missing = missing
        self.arrivals: Arrivals[T] = Arrivals(BoundedMap(self._bound))
        self._timer: asyncio.TimerHandle | None = None
        self._awaited: Way | None = None

    def close(self) -> None:
        """Discard the held messages. Idempotent."""
        self._stop_timer()
        self.arrivals.begin()
        self._ledger.close(self._bound)

    def watch(self, *, progressed: bool) -> None:
        """Start a timer for the message that is missing now; stop it if none is missing.

        `progressed`: messages became ready, so the wait starts again.
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
