"""The output of one terminal as one viewer gets it.

A feed is *attached* while the viewer shows the terminal. Then the viewer takes output from the feed. When the viewer
falls behind, the program waits for at most STALL_SECONDS. After that the program continues, and the viewer later gets a
replay of the screen. A feed that is not attached keeps the viewer's position, and can report the next output once.

A feed owns the viewer's cursor on the terminal's ring, its two ledger entries, and one timer.
"""

import asyncio
import time
from collections.abc import Callable

from mobifai.bounds import Ledger
from mobifai.limits import TERMINAL_OUTBOX, TERMINAL_WINDOW
from mobifai.terminals.flow_control import RUNNING
from mobifai.terminals.output_cursor import Chunk, OutputCursor
from mobifai.terminals.terminal import ECHO_EXPECTED_SECONDS, Terminal

ECHO_CHUNK = 4 << 10
"""Chunk size while the user types, so an echo queues behind at most one chunk."""

ASK_SECONDS = 1.0
"""How long a viewer may leave output unacknowledged before it is asked again: its acknowledgement may be lost."""

STALL_SECONDS = 5.0
"""How long a viewer that takes no output may stop a program: the viewer may be hidden or gone."""


class TerminalFeed:
    """One viewer's feed of one terminal. `acknowledges`: the viewer says which output it has rendered.

    `on_output` is called when the feed has output that can be taken. `on_unseen` is called when the terminal prints and
    the viewer does not show it, once after each call of `watch`.
    """

    def __init__(
        self,
        terminal: Terminal,
        ledger: Ledger,
        on_output: "Callable[[TerminalFeed], None]",
        on_unseen: "Callable[[TerminalFeed], None]",
        *,
        acknowledges: bool,
    ) -> None:
        self.terminal = terminal
        self._flow = terminal.flow
        self.uuid = terminal.uuid
        self.attached = False
        self.has_priority = False
        self._loop = asyncio.get_running_loop()
        self._ledger = ledger
        self._on_output = on_output
        self._on_unseen = on_unseen
        self._bounds = outbox, window = ledger.open(TERMINAL_OUTBOX), ledger.open(TERMINAL_WINDOW)
        self._cursor = OutputCursor(
            terminal.ring, terminal.modes, terminal.ring.capacity, outbox, window, time.monotonic
        )
        self._cursor.reset(acknowledges=acknowledges)
        self.watching = False
        self._stall_timer: asyncio.TimerHandle | None = None
        self._stalled_for = 0.0
        self._flow.add(self)

    # -- output

    @property
    def waiting(self) -> int:
        """Bytes of output that `take` can return now."""
        return self._cursor.waiting if self.attached else 0

    @property
    def recently_typed(self) -> bool:
        """Whether somebody typed into the terminal a moment ago, and waits for the echo."""
        return time.monotonic() - self.terminal.typed.at < ECHO_EXPECTED_SECONDS

    @property
    def chunk_size(self) -> int:
        """Preferred chunk size in bytes; smaller while the user types."""
        return ECHO_CHUNK if self.terminal.pacer.interactive else self._cursor.chunk_size

    def take(self, length: int) -> Chunk:
        """Return the next output, at most `length` bytes. A character that does not fit comes with the next chunk."""
        chunk = self._cursor.take(length)
        self.has_priority = False
        if chunk.data:
            self._progress()
        return chunk

    def acknowledge(self, end: int) -> None:
        """Record that the viewer has rendered all output up to the position `end`."""
        if self._cursor.acknowledge(end) and self.attached:
            self._progress()
            self._offer()

    # -- what the viewer shows and has

    def seek(self, stream: str | None, end: int | None) -> None:
        """Continue after the position `end` of `stream`, which the viewer has reached.

        If that position is unknown or too old, continue with a replay of the screen.
        """
        if stream == self.terminal.stream and end is not None:
            self._cursor.seek(end)
        else:
            self._cursor.invalidate()
        if self.attached:
            self._offer()

    def attach(self, *, from_screen: bool = False) -> None:
        """Offer the output that the viewer lacks, and all output from now on. `from_screen`: send the screen first."""
        self.detach()
        self.attached = True
        self._flow.feed_changed()
        if from_screen:
            self._cursor.invalidate()
        if self.terminal.ring.end == 0:
            self._cursor.seek(0)
        self._offer()

    def detach(self) -> None:
        """Stop offering output, and let the program continue. The viewer's position stays known."""
        self.attached = self.has_priority = False
        self._cursor.pause()
        self._end_stall()
        self._flow.feed_changed()
        self._flow.end_hold()
        self._flow.regulate()

    def watch(self, watching: bool) -> None:
        """Set whether `on_unseen` is called, once, for the next output that comes while the feed is not attached."""
        self.watching = watching
        self._flow.feed_changed()

    def close(self) -> None:
        """Forget the viewer's position, and close the ledger entries. The program no longer waits for the viewer.

        Idempotent.
        """
        self.attached = self.has_priority = self.watching = False
        self._end_stall()
        self._flow.end_hold()
        self._flow.remove(self)
        for bound in self._bounds:
            self._ledger.close(bound)

    # -- called by the terminal's flow control

    @property
    def room(self) -> int:
        """Bytes that can be read from the terminal before its ring evicts output that the viewer lacks; at least 1."""
        return self._cursor.room

    @property
    def is_behind(self) -> bool:
        """Whether the viewer shows the terminal and has not been sent all of its output."""
        return self.attached and self._cursor.behind > 0

    def offer_printed(self) -> None:
        """Record that the terminal has printed, and call `on_output` if the viewer can take some of the output."""
        self._cursor.printed()
        if self._cursor.waiting:
            self._on_output(self)

    def report_printed(self) -> None:
        """Call `on_unseen`: a terminal that the viewer does not show has printed. Not again until the next `watch`."""
        self.watch(False)
        self._on_unseen(self)

    def holds_back(self) -> bool:
        """Return whether the program has to wait for the viewer.

        Also start or stop the timer that ends the wait for a viewer that takes nothing.
        """
        stop = self._cursor.must_stop
        if stop or self._cursor.out_of_credit:
            if self._stall_timer is None:
                self._stall_timer = self._loop.call_later(ASK_SECONDS, self._stalled)
        elif self._stall_timer is not None or self._stalled_for:
            self._end_stall()
        return stop

    # -- a viewer that falls behind

    def _offer(self) -> None:
        if self._cursor.waiting:
            self._on_output(self)
        self._flow.regulate()

    def _progress(self) -> None:
        """Record that the viewer took or acknowledged output, and let the program continue if nothing else stops it."""
        if (
            self._stall_timer is not None
            or self._stalled_for
            or self._cursor.out_of_credit
            or self._flow.state is not RUNNING
        ):
            self._end_stall()
            self._flow.regulate()

    def _stalled(self) -> None:
        """Handle a viewer that took and acknowledged nothing for ASK_SECONDS: ask for its position, or, after
        STALL_SECONDS, stop waiting.
        """
        self._stall_timer = None
        self._stalled_for += ASK_SECONDS
        if self._cursor.out_of_credit:
            self._cursor.ask()
        if self._stalled_for >= STALL_SECONDS:
            self._cursor.detach()
        self._offer()

    def _end_stall(self) -> None:
        self._stalled_for = 0.0
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None
