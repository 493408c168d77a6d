"""Flow control: decides when a terminal's program has to wait. Nothing else decides that.

The kernel blocks a program that prints while nobody reads its terminal. So the agent stops reading while an attached
feed can take nothing, and during a hold. Without attached feeds the program continues, into the ring.

Owns the list of the terminal's feeds and the timer of a hold.
"""

import asyncio
from typing import TYPE_CHECKING

from mobifai.terminals.pty import Pty
from mobifai.terminals.spawning import WINDOW_BYTES

if TYPE_CHECKING:
    from mobifai.terminals.feed import TerminalFeed


class FlowControl:
    """The flow control of one terminal."""

    def __init__(self, pty: Pty) -> None:
        self._pty = pty
        self._loop = asyncio.get_running_loop()
        self._feeds: tuple[TerminalFeed, ...] = ()
        self._hold_timer: asyncio.TimerHandle | None = None

    @property
    def is_watched(self) -> bool:
        """Whether a viewer shows the terminal."""
        return any(feed.attached for feed in self._feeds)

    @property
    def is_behind(self) -> bool:
        """Whether a viewer that shows the terminal has not been sent all of its output."""
        return any(feed.is_behind for feed in self._feeds)

    @property
    def is_stopped(self) -> bool:
        """Whether the program has to wait if it prints."""
        return not self._pty.reading

    @property
    def room(self) -> int:
        """Bytes that can be read without losing any for a viewer; always at least one."""
        return min([feed.room for feed in self._feeds if feed.attached], default=WINDOW_BYTES)

    def add(self, feed: "TerminalFeed") -> None:
        """Add a feed, one for each session."""
        self._feeds = (*self._feeds, feed)

    def remove(self, feed: "TerminalFeed") -> None:
        """Remove a feed. The program no longer waits for it."""
        self._feeds = tuple(one for one in self._feeds if one is not feed)
        self.regulate()

    def printed(self) -> None:
        """Offer new output to every feed."""
        for feed in self._feeds:
            feed.printed()
        self.regulate()

    def typed(self) -> None:
        """Send the echo that follows ahead of other output."""
        for feed in self._feeds:
            feed.has_priority = feed.attached

    def regulate(self) -> None:
        """Stop or resume the program according to its feeds."""
        if any(feed.must_stop for feed in self._feeds):
            self._pty.pause()
        elif self._hold_timer is None:
            self._pty.resume()
        for feed in self._feeds:
            feed.check_stall()

    def hold(self, seconds: float) -> None:
        """Stop the program for a while, or until a viewer attaches, which then sees what is printed meanwhile."""
        self.end_hold()
        self._hold_timer = self._loop.call_later(seconds, self._hold_is_over)
        self._pty.pause()

    def end_hold(self) -> None:
        """End a hold; the next `regulate` resumes the program."""
        if self._hold_timer is not None:
            self._hold_timer.cancel()
            self._hold_timer = None

    def _hold_is_over(self) -> None:
        self.end_hold()
        self.regulate()

    def close(self) -> None:
        """End the hold. Feeds are closed by their sessions."""
        self.end_hold()
