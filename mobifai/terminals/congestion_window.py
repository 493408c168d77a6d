"""The congestion window: how much of a terminal's output may be in flight to a phone that acknowledges it.

Output that exceeds the capacity of the network path only queues up, and delays the prompt after a Ctrl-C. So the window
follows the bandwidth-delay product (delivery rate times shortest round trip), with a small margin for queueing, between
a floor and a ceiling. The module does no I/O: the clock is a parameter.
"""

from collections.abc import Callable

ACKNOWLEDGED_EACH = 16 << 10
"""A phone acknowledges each time it has rendered this many bytes."""

FLOOR_BYTES = 48 << 10
"""The smallest window: one chunk in flight, one being rendered, and the acknowledgement of a third on its way back."""

READY_BYTES = 32 << 10
"""Bytes that may queue behind a full window; less would pause and resume the program for every chunk."""

_GAIN = 1.5
"""Factor on the measured rate: the path may carry more, and acknowledgements arrive in bursts."""

_WAITS_SECONDS = 0.003
"""Queueing delay that the window allows: imperceptible, but enough to keep a phone on the same machine busy while the
agent does other work."""

_FADES = 0.875
"""The factor by which the best measured rate decays with each slower measurement."""

_FRESH_SECONDS = 10.0
"""The interval at which the shortest round trip is measured again, with little in flight: the network path may have
changed."""


class CongestionWindow:
    """The window of one terminal with one phone. `ceiling` is its largest size in bytes; `clock` returns seconds.

    `size` is the present size in bytes. Positions count the bytes of the terminal's output.

    One chunk of output at a time is timed, from sending to acknowledgement. A lost acknowledgement makes that round
    trip longer, which does not affect the shortest one.
    """

    def __init__(self, ceiling: int, clock: Callable[[], float]) -> None:
        self.ceiling = ceiling
        self.floor = min(FLOOR_BYTES, ceiling)
        self.ack_threshold = min(ACKNOWLEDGED_EACH, ceiling // 4)
        self._clock = clock
        self.begin()

    def begin(self) -> None:
        """Discard the measurements, because the phone or the network path has changed."""
        self.size = self.ceiling
        self._rate = 0.0
        self._shortest = float("inf")
        self._measured_at = self._clock()
        self._measures = False
        self._followed: int | None = None
        self._sent_at = 0.0
        self._acknowledged_then = 0

    def sent(self, end: int, acknowledged: int) -> None:
        """Record that output was sent up to the position `end`, and is acknowledged up to `acknowledged`."""
        if self._followed is not None:
            return
        now = self._clock()
        if now - self._measured_at > _FRESH_SECONDS and not self._measures:
            self._measures, self.size = True, min(2 * self.ack_threshold, self.floor)
            return  # this chunk was sent with more in flight
        self._followed, self._sent_at, self._acknowledged_then = end, now, acknowledged

    def acknowledged(self, position: int) -> None:
        """Record that the phone has rendered everything up to `position`."""
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
        """Stop timing the chunk in flight, because the phone's position was reset."""
        self._followed = None
