"""One terminal: a shell's pty, the ring of its last output, and what waits to be sent to a phone.

It knows nothing of phones and paths: while it is *forwarded*, what the shell prints is also put into its outbox,
and whoever subscribed takes it from there. A full outbox stops reading, and with it the program; without forwarding
the shell runs on and the ring keeps the last bytes.
"""

import asyncio
import codecs
from collections.abc import Callable
from dataclasses import dataclass

from mobifai.bounds import ByteQueue, ByteRing, Ledger
from mobifai.errors import LimitReached, TerminalError
from mobifai.limits import MAX_COLS, MAX_ROWS, TERMINAL_INPUT, TERMINAL_OUTBOX, TERMINAL_RING
from mobifai.terminals.pty import Pty
from mobifai.terminals.ring_memory import RingMemory
from mobifai.terminals.screen import snapshot
from mobifai.terminals.shells import Spawned

READING_STOPS_AT = 64 << 10
"""Bytes in the outbox at which no more is read."""

FINISH_SECONDS = 5.0
"""How long output of an ended shell may take to reach a slow phone."""

_utf8_decoder = codecs.getincrementaldecoder("utf-8")


@dataclass(frozen=True, slots=True)
class Tab:
    """What a terminal is to people. `created_at` is in ms since the epoch, and unique: it is the order of the tabs."""

    uuid: str
    name: str
    created_at: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some output as text. `begins_screen`: it starts a replay of the screen, with a reset."""

    begins_screen: bool
    text: str


class Terminal:
    """A running shell with its screen. `on_output` is told that the outbox has something; `on_end` is called once."""

    def __init__(
        self,
        tab: Tab,
        spawned: Spawned,
        ledger: Ledger,
        on_output: Callable[["Terminal"], None],
        on_end: Callable[["Terminal"], None],
    ) -> None:
        self.tab = tab
        self.pid = spawned.pid
        self.forwarded = False
        self._loop = asyncio.get_running_loop()
        self.inactive_since: float | None = self._loop.time()
        self._ledger = ledger
        self._bounds = [ledger.open(limit) for limit in (TERMINAL_RING, TERMINAL_OUTBOX, TERMINAL_INPUT)]
        self._memory = RingMemory(spawned.memory, shared=spawned.shared)
        self._modes = self._memory.modes()
        self.ring = ByteRing(self._bounds[0], self._memory.buffer, self._memory.marks)
        self.outbox = ByteQueue(self._bounds[1])
        self._decoder = _utf8_decoder("replace")
        self._screen_left = 0
        self._screen_begins = False
        self._on_output = on_output
        self._on_end = on_end
        self._finish_by: float | None = None
        self._finish_timer: asyncio.TimerHandle | None = None
        self._hold_timer: asyncio.TimerHandle | None = None
        if spawned.adopted:
            self.ring.recover(self._evicted)
        self._pty = Pty(spawned.master, ByteQueue(self._bounds[2]), self.ring.window, self._printed, self.finish)

    @property
    def uuid(self) -> str:
        """The id that the phone gave it."""
        return self.tab.uuid

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        return self._pty.size

    @property
    def position(self) -> int:
        """How many bytes it has printed so far."""
        return self.ring.end

    def replay(self) -> bytes:
        """The screen for a freshly reset emulator; nothing once the terminal is closed."""
        return b"" if self._memory.closed else snapshot(self.ring, self._modes)

    @property
    def waiting(self) -> int:
        """Bytes of output that wait to be taken."""
        return len(self.outbox)

    # -- output

    def _printed(self, length: int) -> None:
        self.ring.published(length, self._evicted)
        if self.forwarded:
            self._queue(self.ring.read(self.ring.end - length))

    def _evicted(self, data: bytes) -> None:
        if self._modes.feed(data):
            self._memory.keep_modes(self._modes)

    def _queue(self, data: bytes) -> None:
        self.outbox.append(data)
        if len(self.outbox) >= READING_STOPS_AT:
            self._pty.pause()
        self._on_output(self)

    def forward(self) -> None:
        """Put the screen into the outbox, and all output from now on."""
        self.stop_forwarding()
        self.forwarded = True
        if self.ring.end == 0:
            return
        screen = snapshot(self.ring, self._modes)
        self._screen_left, self._screen_begins = len(screen), True
        self._queue(screen)

    def hold(self, seconds: float) -> None:
        """Leave output with the kernel for a while, unless a phone comes: what it has not seen stays to be shown."""
        self._pty.pause()
        self._hold_timer = self._loop.call_later(seconds, self._pty.resume)

    def _end_hold(self) -> None:
        if self._hold_timer is not None:
            self._hold_timer.cancel()
            self._hold_timer = None

    def stop_forwarding(self) -> None:
        """Leave output to the ring; the program is stopped by nobody."""
        self._end_hold()
        self.forwarded = False
        self._screen_left, self._screen_begins = 0, False
        self._decoder.reset()
        self.outbox.drop(len(self.outbox))
        self._pty.resume()

    def take(self, length: int) -> Chunk:
        """The next output, of at most `length` bytes; a character cut by it comes whole with the next chunk."""
        begins_screen, is_screen = self._screen_begins, self._screen_left > 0
        self._screen_begins = False
        data = self.outbox.take(min(length, self._screen_left) if is_screen else length)
        self._screen_left -= len(data) if is_screen else 0
        if len(self.outbox) < READING_STOPS_AT:
            self._pty.resume()
        return Chunk(begins_screen, self._decoder.decode(data))

    def set_active(self, active: bool) -> None:
        """Whether a phone has this terminal in sight, or had before it left."""
        if active:
            self.inactive_since = None
        elif self.inactive_since is None:
            self.inactive_since = self._loop.time()

    def trim(self, inactive_seconds: float, keep_bytes: int) -> bool:
        """Shrink the screen when the terminal was inactive for so long; whether it shrank."""
        if self.inactive_since is None or self._loop.time() - self.inactive_since < inactive_seconds:
            return False
        if not self.ring.trim(keep_bytes, self._evicted):
            return False
        self._memory.give_back(self.ring)
        return True

    # -- input

    def write(self, text: str) -> None:
        """Type a text. Raises TerminalError when too much waits already."""
        try:
            self._pty.write(text.encode("utf-8", "replace"))
        except LimitReached as error:
            raise TerminalError(f"the program in this terminal does not read: {error}", self.uuid) from None

    def resize(self, cols: int, rows: int) -> None:
        """Set the size in character cells. Raises TerminalError."""
        check_size(cols, rows, self.uuid)
        self._pty.resize(cols, rows)

    # -- the end

    def finish(self) -> None:
        """The shell has ended: once its last output is read and taken, call `on_end`.

        A program left behind may keep the terminal open and print for ever; after FINISH_SECONDS it is cut off.
        """
        self._finish_by = self._finish_by or self._loop.time() + FINISH_SECONDS
        if self._finish_timer is not None:
            self._finish_timer.cancel()
        if (self._pty.holds_output() or len(self.outbox)) and self._loop.time() < self._finish_by:
            self._finish_timer = self._loop.call_later(0.01, self.finish)
        else:
            self.close()
            on_end, self._on_end = self._on_end, _ignore
            on_end(self)

    def close(self) -> None:
        """Close the terminal's descriptor and accounts. Twice changes nothing."""
        if self._finish_timer is not None:
            self._finish_timer.cancel()
        self._end_hold()
        self._pty.close()
        self._memory.close()
        self.outbox.drop(len(self.outbox))
        for bound in self._bounds:
            self._ledger.close(bound)


def _ignore(_: Terminal) -> None:
    """Nobody waits for the end any more."""


def check_size(cols: int, rows: int, uuid: str = "") -> None:
    """Raise TerminalError for a size that no screen has."""
    for name, value, most in (("cols", cols, MAX_COLS), ("rows", rows, MAX_ROWS)):
        if not 1 <= value <= most:
            raise TerminalError(f"{name}: expected 1 to {most}; found {value}", uuid)
