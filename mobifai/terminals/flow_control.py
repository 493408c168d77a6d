"""Flow control: decides when a terminal's program has to wait. Nothing else decides that.

The kernel blocks a program that prints while nobody reads its terminal. So to make a program wait, the agent stops
reading: while an attached feed has no room for output, and during a hold. Without attached feeds, the program
continues to print into the ring.

`FlowControl` owns the list of the terminal's feeds and the timer of a hold.
"""

import asyncio
from enum import Enum
from typing import TYPE_CHECKING

from mobifai.terminals.pty import Pty
from mobifai.terminals.spawning import WINDOW_BYTES

if TYPE_CHECKING:
    from mobifai.terminals.feed import TerminalFeed


class ProgramState(Enum):
    """Whether the program of a terminal may print.

    ```
    RUNNING  -- a feed holds back -->            STOPPED
    RUNNING, STOPPED  -- hold -->                HELD
    HELD     -- the hold ends -->                STOPPED
    STOPPED  -- no feed holds back any more -->  RUNNING
    ```
    """

    RUNNING = "running"
    STOPPED = "stopped"
    """The program has to wait if it prints."""
    HELD = "held"
    """The program has to wait if it prints, also while no feed holds it back."""


RUNNING, STOPPED, HELD = ProgramState


class FlowControl:
    """The flow control of one terminal.

    `is_watched` says whether a viewer shows the terminal, and `wants_output` whether a feed wants to know of new
    output. Both follow from the feeds. They are stored because they are read for each piece of output.
    """

    def __init__(self, pty: Pty) -> None:
        self._pty = pty
        self._loop = asyncio.get_running_loop()
        self._feeds: tuple[TerminalFeed, ...] = ()
        self._attached: tuple[TerminalFeed, ...] = ()
        self._watching: tuple[TerminalFeed, ...] = ()
        self.is_watched = self.wants_output = False
        self.state = RUNNING
        self._hold_timer: asyncio.TimerHandle | None = None

    @property
    def is_behind(self) -> bool:
        """Whether a viewer that shows the terminal has not been sent all of its output."""
        return any(feed.is_behind for feed in self._attached)

    @property
    def room(self) -> int:
        """Bytes that can be read from the terminal before the ring evicts output that a viewer lacks; at least one."""
        room = WINDOW_BYTES
        for feed in self._attached:
            room = min(room, feed.room)
        return room

    def add(self, feed: "TerminalFeed") -> None:
        """Add the feed of one more session."""
        self._feeds = (*self._feeds, feed)

    def remove(self, feed: "TerminalFeed") -> None:
        """Remove a feed. The program no longer waits for it."""
        self._feeds = tuple(one for one in self._feeds if one is not feed)
        self.feed_changed()
        self.regulate()

    def feed_changed(self) -> None:
        """Record which feeds are attached now, and which of the others want to know of new output."""
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
            if feed.holds_back():
                stop = True
        if stop:
            self._pty.pause()
            if self.state is RUNNING:
                self.state = STOPPED
        elif self.state is STOPPED:
            self._pty.resume()
            self.state = RUNNING

    def hold(self, seconds: float) -> None:
        """Stop the program for at most `seconds`, until a viewer attaches its feed. So the viewer misses no output."""
        self.end_hold()
        self._hold_timer = self._loop.call_later(seconds, self._hold_is_over)
        self._pty.pause()
        self.state = HELD

    def end_hold(self) -> None:
        """End a hold; the next `regulate` resumes the program."""
        if self._hold_timer is not None:
            self._hold_timer.cancel()
            self._hold_timer = None
            self.state = STOPPED

    def _hold_is_over(self) -> None:
        self.end_hold()
        self.regulate()

    def close(self) -> None:
        """End a hold, if there is one. Sessions close their feeds themselves."""
        self.end_hold()
