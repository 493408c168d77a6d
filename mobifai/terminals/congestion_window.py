"""How much of a terminal's output may be under way to a phone that acknowledges: no more than keeps the line busy.

What is under way beyond that only waits somewhere, and with it the prompt after a Ctrl-C. So the window follows what a
line carries (rate times shortest round trip) with a little that may wait, between a floor and a ceiling. Pure: who owns
it tells it the time.
"""

from collections.abc import Callable

ACKNOWLEDGED_EACH = 16 << 10
"""Bytes that a phone may leave unacknowledged: it acknowledges once it has rendered as much as this."""

FLOOR_BYTES = 48 << 10
"""The least: one piece on its way, one being rendered, while the acknowledgement of the one before comes back."""

READY_BYTES = 32 << 10
"""So much may wait for the window: with less the program is stopped and let go for every piece."""

_GAIN = 1.5
"""So many times what the line was seen to carry: it may carry more, and acknowledgements come in lumps."""

_WAITS_SECONDS = 0.003
"""What may wait beside that, in time: so short that nobody feels it, and enough that a phone on the same machine never
wants for work while the agent does something else."""

_FADES = 0.875
"""What stays of the best rate seen, at each slower one."""

_FRESH_SECONDS = 10.0
"""After so long the shortest round trip is measured anew, with little under way: the line may be another by now."""


class CongestionWindow:
    """One terminal's, with one phone. `ceiling` is in bytes, `clock` in seconds.

    One piece of output at a time is followed, from when it is sent until it is acknowledged. Lost acknowledgements make
    a round trip longer, which the shortest one does not see; none of what comes makes it wait for anything.
    """

    def __init__(self, ceiling: int, clock: Callable[[], float]) -> None:
        self.ceiling = ceiling
        self.floor = min(FLOOR_BYTES, ceiling)
        self.ack_threshold = min(ACKNOWLEDGED_EACH, ceiling // 4)
        self._clock = clock
        self.begin()

    def begin(self) -> None:
        """Another phone, or another line: nothing is known of it."""
        self.size = self.ceiling
        self._rate = 0.0
        self._shortest = float("inf")
        self._measured_at = self._clock()
        self._measures = False
        self._followed: int | None = None
        self._sent_at = 0.0
        self._acknowledged_then = 0

    def sent(self, end: int, acknowledged: int) -> None:
        """Output up to `end` is on its way; `acknowledged` up to there."""
        if self._followed is not None:
            return
        now = self._clock()
        if now - self._measured_at > _FRESH_SECONDS and not self._measures:
            self._measures, self.size = True, min(2 * self.ack_threshold, self.floor)
            return  # this piece was sent with more under way
        self._followed, self._sent_at, self._acknowledged_then = end, now, acknowledged

    def acknowledged(self, position: int) -> None:
        """The phone has rendered all up to here."""
        if self._followed is None or position < self._followed:
            return
        now = self._clock()
        trip = max(now - self._sent_at, 1e-6)
        self._followed = None
        if self._measures or trip < self._shortest:
            self._shortest, self._measured_at, self._measures = trip, now, False
        self._rate = max((position - self._acknowledged_then) / trip, _FADES * self._rate)
        self.size = max(self.floor, min(self.ceiling, int(self._rate * (_GAIN * self._shortest + _WAITS_SECONDS))))

    def lost(self) -> None:
        """What was under way does not count any more: the phone says anew how far it is."""
        self._followed = None
