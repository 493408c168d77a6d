"""The order of one session's messages, whichever paths they take, and how long a missing one is waited for.

Owns the numbers in both directions, the messages that came too early, and one timer. A message that is missing on the
relay is held back there: after a while the session is broken. One that is missing on the data channel is lost with it.
"""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from mobifai.bounds import BoundedMap, Ledger
from mobifai.errors import EncryptionError
from mobifai.limits import SESSION_HELD
from mobifai.protocol.order import Arrivals, Numbering, Way

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
    """The order of one session at a time. `do` is called with each message that may be done.

    `channel_lost` is called when messages are missing on the data channel, `broken` when they came late, or are held
    back by the relay: nothing is done for this session any more.
    """

    def __init__(
        self,
        ledger: Ledger,
        do: Callable[[T], None],
        channel_lost: Callable[[], None],
        broken: Callable[[str], None],
    ) -> None:
        self._ledger = ledger
        self._bound = ledger.open(SESSION_HELD)
        self._do = do
        self._channel_lost = channel_lost
        self._broken = broken
        self._arrivals: Arrivals[T] = Arrivals(BoundedMap(self._bound))
        self._timer: asyncio.TimerHandle | None = None
        self._awaited: Way | None = None
        self.numbering = Numbering()
        self.is_on = False
        self._is_broken = False

    def begin(self, *, ordered: bool) -> None:
        """Start a session."""
        self._stop_timer()
        self._arrivals.begin()
        self.numbering.begin(ordered=ordered)
        self.is_on, self._is_broken = ordered, False

    def came(self, way: Way, number: int | None, message: T) -> None:
        """Do a message in its turn."""
        if self._is_broken:
            return
        try:
            ready = self._arrivals.take(way, number, message)
        except EncryptionError as error:
            self._break(str(error))
            return
        self._go_on(ready)

    def channel_begins(self, number: int | None) -> None:
        """A data channel is about to carry messages, from this number on; one before it carries none any more."""
        self._go_on(self._arrivals.channel_begins(number))

    def channel_ended(self) -> None:
        """The data channel is gone, with what was under way on it."""
        self._go_on(self._arrivals.channel_lost())

    def close(self) -> None:
        """Do nothing any more."""
        self.begin(ordered=False)
        self._ledger.close(self._bound)

    def _go_on(self, ready: list[T]) -> None:
        missing = self._arrivals.missing_on
        if ready or missing is not self._awaited:
            self._stop_timer()
            self._awaited = missing
            if missing is not None:
                self._wait(missing, LOOKS)
        for message in ready:
            if not self._is_broken:
                self._do(message)

    def _wait(self, missing: Way, looks: int) -> None:
        seconds = _PATIENCE[missing] / LOOKS
        self._timer = asyncio.get_running_loop().call_later(seconds, self._look, missing, looks - 1)

    def _look(self, missing: Way, looks: int) -> None:
        if looks:
            self._wait(missing, looks)
        else:
            self._expired(missing)

    def _expired(self, missing: Way) -> None:
        if missing is Way.RELAY:
            self._break("the relay holds back messages of this session that came before those on the data channel")
        else:
            self._channel_lost()
            self.channel_ended()

    def _break(self, reason: str) -> None:
        self._stop_timer()
        self._is_broken = True
        self._arrivals.begin()
        self._broken(reason)

    def _stop_timer(self) -> None:
        self._awaited = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
