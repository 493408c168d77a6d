"""Whether somebody types just now, in any terminal, and what the other terminals leave to the echo then.

While nobody does, a master is read until it has no more, which costs the least. While somebody does, one that is shown
is read once before the loop comes round: the echo of a key waits for no more than one read of another terminal's output
(measured: 1.0 instead of 2.2 ms beside a flood). Those that nobody looks at share a rate that leaves the processor to
the echo: the kernel stops their programs in between, for milliseconds, and builds hardly print as much.
"""

from collections.abc import Callable

LATELY_SECONDS = 0.5
"""For how long after a key somebody types: people press several a second."""

HIDDEN_RATE = 4_000_000
"""Bytes a second that all hidden terminals may print together while somebody types: some 3 % of a core."""

LONGEST_REST = 0.02
"""Seconds after which each of them is read again, however many there are: none is ever stopped."""


class ReadPacer:
    """One for all terminals. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._typed_at = self._hidden_until = float("-inf")

    def typed(self) -> None:
        """A key was pressed."""
        self._typed_at = self._clock()

    @property
    def interactive(self) -> bool:
        """Whether somebody waits for an echo, or is about to."""
        return self._clock() - self._typed_at < LATELY_SECONDS

    def read_delay(self, length: int) -> float:
        """How long a hidden terminal is not read after so many bytes, in seconds; 0: it may go on."""
        now = self._clock()
        if now - self._typed_at >= LATELY_SECONDS:
            return 0.0
        self._hidden_until = min(max(now, self._hidden_until) + length / HIDDEN_RATE, now + LONGEST_REST)
        return self._hidden_until - now
