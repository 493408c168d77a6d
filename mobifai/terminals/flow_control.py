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
    """The flow control of one terminal. `is_watched`: a viewer shows it; `is_stopped`: the program has to
    wait if it prints; `wants_output`: a feed wants to know of new output.
    """

    def __init__(self, pty: Pty) -> None:
        self._pty = pty
        self._loop = asyncio.get_running_loop()
        self._feeds: tuple[TerminalFeed, ...] = ()
        self._attached: tuple[TerminalFeed, ...] = ()
        self._watching: tuple[TerminalFeed, ...] = ()
        self.is_watched = self.wants_output = False
        self.is_stopped = False
        self._hold_timer: asyncio.TimerHandle | None = None

    @property
    def is_behind(self) -> bool:
        """Whether a viewer that shows the terminal has not been sent all of its output."""
        return any(feed.is_behind for feed in self._attached)

    @property
    def room(self) -> int:
        """Bytes that can be read without losing any for a viewer; always at least one."""
        room = WINDOW_BYTES
        for feed in self._attached:
            room = min(room, feed.room)
        return room

    def add(self, feed: "TerminalFeed") -> None:
        """Add a feed, one for each session."""
        self._feeds = (*self._feeds, feed)

    def remove(self, feed: "TerminalFeed") -> None:
        """Remove a feed. The program no longer waits for it."""
        self._feeds = tuple(one for one in self._feeds if one is not feed)
        self.feed_changed()
        self.regulate()

    def feed_changed(self) -> None:
        """Record which feeds are attached, and which others want to know of new output."""
        self._attached = tuple(feed for feed in self._feeds if feed.attached)
        self._watching = tuple(feed for feed in self._feeds if feed.watching and not feed.attached)
        self.is_watched = bool(self._attached)
        self.wants_output = bool(self._attached or self._watching)

    def printed(self) -> None:
        """Offer new output to the feeds that are attached, and report it to those that want to know."""
        for feed in self._attached:
            feed.offer_printed()
        if self._attached:
            self.regulate()
        for feed in self._watching:
            feed.report_printed()

    def typed(self) -> None:
        """Give the echo of typed input priority over other output."""
        for feed in self._attached:
            feed.has_priority = True

    def regulate(self) -> None:
        """Stop or resume the program according to its feeds."""
        stop = False
        for feed in self._attached:
            stop = feed.holds_back() or stop
        if stop:
            self._pty.pause()
            self.is_stopped = True
        elif self.is_stopped and self._hold_timer is None:
            self._pty.resume()
            self.is_stopped = False

    def hold(self, seconds: float) -> None:
        """Stop the program for `seconds`, or until a viewer attaches, which misses no output then."""
        self.end_hold()
        self._hold_timer = self._loop.call_later(seconds, self._hold_is_over)
        self._pty.pause()
        self.is_stopped = True

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
