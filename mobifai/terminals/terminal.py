"""One terminal: a shell's pty, the ring of its last output, and how far a phone is with it.

It knows nothing of phones and paths: while it is *forwarded*, whoever subscribed takes what the shell prints from its
cursor. When too much waits there, or the phone does not acknowledge, reading stops, and with it the program; but only
for STALL_SECONDS, after which the shell runs on as it does without a phone, and the ring keeps the last bytes.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from mobifai.bounds import ByteQueue, ByteRing, Ledger
from mobifai.errors import LimitReached, TerminalError
from mobifai.limits import MAX_COLS, MAX_ROWS, TERMINAL_INPUT, TERMINAL_OUTBOX, TERMINAL_RING, TERMINAL_WINDOW
from mobifai.terminals.foreground import UNKNOWN, Foreground
from mobifai.terminals.output_cursor import Chunk, OutputCursor
from mobifai.terminals.pty import Pty
from mobifai.terminals.read_pacing import ReadPacer
from mobifai.terminals.replay import snapshot
from mobifai.terminals.ring_memory import RingMemory
from mobifai.terminals.shells import Spawned
from mobifai.terminals.spawning import WINDOW_BYTES
from mobifai.terminals.typed_line import KEPT, is_new_after

QUICK_PIECE = 4 << 10
"""In such pieces output goes while somebody types: their echo waits for no more than one."""

ASK_SECONDS = 1.0
"""How long a phone may leave output unacknowledged before it is asked again: what it said may be lost."""

AWAITED_SECONDS = 0.02
"""For so long after a key its terminal's output is sent as it comes: the echo, and also the prompt after a Ctrl-C."""

ECHO_SECONDS = 0.0003
"""How long a key's echo is looked for at once: the kernel has its own after 0.01 ms, most programs theirs after 0.1."""

ECHO_BYTES = 64
"""Of how long a text; what is longer was not typed."""

STALL_SECONDS = 5.0
"""How long a phone that takes nothing may stop a program. One that is hidden or gone must not stop it for ever."""

FINISH_SECONDS = 5.0
"""How long output of an ended shell may take to reach a slow phone."""


@dataclass(frozen=True, slots=True)
class Tab:
    """What a terminal is to people. `created_at` is in ms since the epoch, and unique: it is the order of the tabs."""

    uuid: str
    name: str
    created_at: int


class Terminal:
    """A shell with its screen. `on_output` is told that something waits; `on_end` is called once, when the shell has
    ended and its last output is read. The screen stays until the terminal is closed.

    `on_unseen` is called once after each `watch`, when it prints while it is not forwarded.

    `stream` names the bytes of this very shell, also for the next agent. `pacer` is shared with the other terminals.
    """

    def __init__(
        self,
        tab: Tab,
        spawned: Spawned,
        ledger: Ledger,
        on_output: Callable[["Terminal"], None],
        on_end: Callable[["Terminal"], None],
        pacer: ReadPacer | None = None,
        on_unseen: Callable[["Terminal"], None] | None = None,
    ) -> None:
        self.tab = tab
        self.pid = spawned.pid
        self.forwarded = False
        self.ended = False
        self.exit_status: int | None = None
        self.was_typed_into = spawned.adopted and not spawned.label.get("ended")
        self.writes = 0
        self._exit_is_known = False
        self._loop = asyncio.get_running_loop()
        self.inactive_since: float | None = self._loop.time()
        self._ledger = ledger
        self._bounds = [
            ledger.open(limit) for limit in (TERMINAL_RING, TERMINAL_OUTBOX, TERMINAL_WINDOW, TERMINAL_INPUT)
        ]
        ring, outbox, window, waiting_input = self._bounds
        self._memory = RingMemory(spawned.memory, shared=spawned.shared)
        self._modes = self._memory.modes()
        self.stream = self._memory.stream()
        # A keeper that is older than the limit gives smaller rings, also to new shells.
        self.ring = ByteRing(ring, self._memory.buffer, self._memory.marks, WINDOW_BYTES)
        self._cursor = OutputCursor(self.ring, self._modes, self.ring.capacity, outbox, window, time.monotonic)
        self.urgent = False
        self._typed_at = float("-inf")
        self._last_typed = self._typed_before = None if spawned.adopted else "\r"  # as at a shell's first prompt
        self._on_output = on_output
        self._on_end = on_end
        self._on_unseen = on_unseen or _ignore
        self._watched = False
        self._finish_by: float | None = None
        self._finish_timer: asyncio.TimerHandle | None = None
        self._hold_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        self._stalled_for = 0.0
        if spawned.adopted:
            self.ring.recover(self._evicted)
        self._pacer = pacer if pacer is not None else ReadPacer(self._loop.time)
        queue, how = ByteQueue(waiting_input), (self._is_quick, self._rest)
        self._pty = Pty(spawned.master, queue, self._window, self._printed, self.finish, *how)

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

    # -- output

    def _window(self) -> list[memoryview]:
        """Where output is read to: no more than the ring can take without losing what the phone still needs."""
        window = self.ring.window()
        if not self.forwarded or (room := self._cursor.room) >= WINDOW_BYTES:
            return window
        first = window[0][:room]
        return [first, *(view[: room - len(first)] for view in window[1:] if room > len(first))]

    def _is_quick(self) -> bool:
        return self.forwarded and self._pacer.interactive

    def _rest(self, length: int) -> float:
        return 0.0 if self.forwarded else self._pacer.read_delay(length)

    def _printed(self, length: int) -> None:
        self.ring.published(length, self._evicted)
        if self.forwarded:
            self._cursor.printed()
            self._offer()
        elif self._watched:
            self._watched = False
            self._on_unseen(self)

    def _evicted(self, data: bytes) -> None:
        if self._modes.feed(data):
            self._memory.keep_modes(self._modes)

    def _offer(self) -> None:
        if self.forwarded and self._cursor.waiting:
            self._on_output(self)
        self._regulate()

    @property
    def waiting(self) -> int:
        """Bytes of output that may be taken now."""
        return self._cursor.waiting if self.forwarded else 0

    @property
    def awaited(self) -> bool:
        """Whether somebody has just typed here."""
        return time.monotonic() - self._typed_at < AWAITED_SECONDS

    @property
    def piece(self) -> int:
        """In pieces of how many bytes output best goes; small ones while somebody types."""
        return QUICK_PIECE if self._pacer.interactive else self._cursor.piece

    def take(self, length: int) -> Chunk:
        """The next output, of at most `length` bytes; a character cut by it comes whole with the next chunk."""
        chunk = self._cursor.take(length)
        self.urgent = False
        if chunk.data:
            self._progress()
        return chunk

    # -- the phone

    def meet(self, *, acknowledges: bool) -> None:
        """A phone came of which nothing is known: the next thing that it gets is the screen."""
        self.stop_forwarding()
        self._cursor.reset(acknowledges=acknowledges)

    def place(self, stream: str | None, end: int | None) -> None:
        """The phone has this much of that stream: what it gets next is the rest, or the screen where it is too old."""
        if stream == self.stream and end is not None:
            self._cursor.seek(end)
        else:
            self._cursor.invalidate()
        if self.forwarded:
            self._offer()

    def acknowledge(self, end: int) -> None:
        """The phone has rendered all output up to this position."""
        if self._cursor.acknowledge(end) and self.forwarded:
            self._progress()
            self._offer()

    def forward(self, *, anew: bool = False) -> None:
        """Offer what the phone has not got, and all output from now on. `anew`: from the screen on."""
        self.stop_forwarding()
        self.forwarded = True
        if anew:
            self._cursor.invalidate()
        if self.ring.end == 0:
            self._cursor.seek(0)
        self._offer()

    def stop_forwarding(self) -> None:
        """Leave output to the ring; the program is stopped by nobody."""
        self._end_hold()
        self.forwarded = self.urgent = False
        self._cursor.pause()
        self._regulate()

    def watch(self, watched: bool) -> None:
        """Whether to tell of the next output while it is not forwarded."""
        self._watched = watched

    def hold(self, seconds: float) -> None:
        """Leave output with the kernel for a while, unless a phone comes: what it has not seen stays to be shown."""
        self._end_hold()
        self._hold_timer = self._loop.call_later(seconds, self._hold_is_over)
        self._pty.pause()

    def _hold_is_over(self) -> None:
        self._end_hold()
        self._regulate()

    def _end_hold(self) -> None:
        if self._hold_timer is not None:
            self._hold_timer.cancel()
            self._hold_timer = None

    # -- when the program has to wait

    def _regulate(self) -> None:
        must_stop = self.forwarded and self._cursor.must_stop
        if must_stop:
            self._pty.pause()
        elif self._hold_timer is None:
            self._pty.resume()
        if not must_stop and not (self.forwarded and self._cursor.out_of_credit):
            self._end_stall()
        elif self._stall_timer is None:
            self._stall_timer = self._loop.call_later(ASK_SECONDS, self._stalled)

    def _progress(self) -> None:
        """Something was taken or acknowledged."""
        stopped = self._stall_timer is not None or self._stalled_for or not self._pty.reading
        if stopped or self._cursor.out_of_credit:
            self._end_stall()
            self._regulate()

    def _stalled(self) -> None:
        """The phone neither took nor acknowledged anything for a while."""
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

    def type(self, text: str) -> None:
        """The same as `write`, for what somebody types: an echo goes at once, ahead of what the caller says next."""
        self.write(text)
        if self.forwarded and len(text) <= ECHO_BYTES:
            self._pty.read_echo(ECHO_SECONDS)

    def write(self, text: str) -> None:
        """Type a text. Raises TerminalError when too much waits already."""
        self.was_typed_into = True
        self.writes += 1
        try:
            self._pacer.typed()
            self._pty.write(text.encode("utf-8", "replace"))
            self.urgent = self.forwarded
            self._typed_at = time.monotonic()
            self._typed_before, self._last_typed = self._last_typed, text[-KEPT:]
        except LimitReached as error:
            raise TerminalError(f"the program in this terminal does not read: {error}", self.uuid) from None

    @property
    def line_is_new(self) -> bool | None:
        """Whether nothing was typed since the last Enter or Ctrl-C; None when that is not known."""
        return is_new_after(self._last_typed, self._typed_before)

    def foreground(self) -> Foreground:
        """The program that reads what is typed; nothing is known of it while input waits for the kernel."""
        return UNKNOWN if self._pty.input_waits else self._pty.foreground()

    def resize(self, cols: int, rows: int) -> None:
        """Set the size in character cells. Raises TerminalError."""
        check_size(cols, rows, self.uuid)
        self._pty.resize(cols, rows)

    # -- the end

    def shell_ended(self, status: int | None) -> None:
        """Take the shell's exit status: negative for a signal, None where nobody knows it."""
        self.exit_status, self._exit_is_known = status, True
        self.finish()

    def finish(self) -> None:
        """Call `on_end` once the shell has ended and its last output is read and taken.

        A program left behind may keep the terminal open and print on, and a shell may close its terminal and run on:
        after FINISH_SECONDS either is cut off.
        """
        if self.ended:
            return
        self._finish_by = self._finish_by or self._loop.time() + FINISH_SECONDS
        if self._finish_timer is not None:
            self._finish_timer.cancel()
        unsent = self.forwarded and self._cursor.behind
        waits = self._pty.holds_output() or unsent or not self._exit_is_known
        if waits and self._loop.time() < self._finish_by:
            self._finish_timer = self._loop.call_later(0.01, self.finish)
        else:
            self.ended = True
            self._end_hold()
            self._pty.close()
            on_end, self._on_end = self._on_end, _ignore
            on_end(self)

    def close(self) -> None:
        """Close the terminal's descriptor, screen and accounts. Twice changes nothing."""
        self.ended = True
        if self._finish_timer is not None:
            self._finish_timer.cancel()
        self._end_hold()
        self._end_stall()
        self.forwarded = False
        self._pty.close()
        self._memory.close()
        for bound in self._bounds:
            self._ledger.close(bound)


def _ignore(_: Terminal) -> None:
    """Nobody waits for the end any more."""


def check_size(cols: int, rows: int, uuid: str = "") -> None:
    """Raise TerminalError for a size that no screen has."""
    for name, value, most in (("cols", cols, MAX_COLS), ("rows", rows, MAX_ROWS)):
        if not 1 <= value <= most:
            raise TerminalError(f"{name}: expected 1 to {most}; found {value}", uuid)
