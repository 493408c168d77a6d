"""Read pacing: while somebody types in any terminal, the other terminals leave the CPU to the echo.

While nobody types, each terminal is read until its output is empty, which takes the least CPU time. While somebody
types, a visible terminal is read once per iteration of the event loop. So an echo waits for at most one read of other
output (measured: 1.0 instead of 2.2 ms while another terminal prints without pause). Hidden terminals then share a rate
limit, which blocks their programs for milliseconds at a time. Builds hardly ever print that much.
"""

from collections.abc import Callable

LATELY_SECONDS = 0.5
"""How long after a key press the user counts as typing: people press several keys a second."""

HIDDEN_RATE = 4_000_000
"""Bytes per second that all hidden terminals may print together while somebody types: about 3 % of a core."""

LONGEST_REST = 0.02
"""The longest time in seconds for which a hidden terminal is not read, however many there are, so that none starves."""


class ReadPacer:
    """Decides how long each hidden terminal is not read. All terminals share one pacer. `clock` returns seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._typed_at = self._hidden_until = float("-inf")

    def typed(self) -> None:
        """Record that something is typed into a terminal now."""
        self._typed_at = self._clock()

    @property
    def interactive(self) -> bool:
        """Return whether something was typed into any terminal within the last LATELY_SECONDS."""
        return self._clock() - self._typed_at < LATELY_SECONDS

    def read_delay(self, length: int) -> float:
        """Return for how many seconds a hidden terminal is not read, after a read of `length` bytes; 0: no pause."""
        now = self._clock()
        if now - self._typed_at >= LATELY_SECONDS:
            return 0.0
        self._hidden_until = min(max(now, self._hidden_until) + length / HIDDEN_RATE, now + LONGEST_REST)
        return self._hidden_until - now
