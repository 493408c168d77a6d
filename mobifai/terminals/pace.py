"""Whether somebody types just now, in any terminal.

While nobody does, a master is read until it has no more, which costs the least. While somebody does, each is read once
before the loop comes round: the echo of a key waits for no more than one read of another terminal's output (measured:
1.0 instead of 2.2 ms beside a flood).
"""

from collections.abc import Callable

LATELY_SECONDS = 0.5
"""For how long after a key somebody types: people press several a second."""


class Pace:
    """One for all terminals. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._typed_at = float("-inf")

    def typed(self) -> None:
        """A key was pressed."""
        self._typed_at = self._clock()

    def is_quick(self) -> bool:
        """Whether somebody waits for an echo, or is about to."""
        return self._clock() - self._typed_at < LATELY_SECONDS
