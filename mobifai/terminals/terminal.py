"""One terminal: a shell's pseudo-terminal and the ring of its last output.

A terminal does not depend on phones and transports. Each session follows the output with a `TerminalFeed` of its own.
`FlowControl` decides when the program has to wait for the sessions.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from mobifai.bounds import ByteQueue, ByteRing, Ledger
from mobifai.errors import LimitReached, TerminalError
from mobifai.limits import MAX_COLS, MAX_ROWS, TERMINAL_INPUT, TERMINAL_RING
from mobifai.terminals.flow_control import FlowControl
from mobifai.terminals.foreground import UNKNOWN, Foreground
from mobifai.terminals.pty import Pty
from mobifai.terminals.read_pacing import ReadPacer
from mobifai.terminals.replay import snapshot
from mobifai.terminals.ring_memory import RingMemory
from mobifai.terminals.shells import Spawned
from mobifai.terminals.spawning import WINDOW_BYTES
from mobifai.terminals.typed_line import KEPT, is_new_after

ECHO_SECONDS = 0.0003
"""How long the agent polls for a key's echo: the kernel echoes within 0.01 ms, most programs within 0.1 ms."""

ECHO_BYTES = 64
"""The longest typed text for whose echo the agent polls. A longer text was pasted."""

ECHO_EXPECTED_SECONDS = 0.02
"""How long after a key press the terminal's output counts as an echo, which is sent first and in small chunks."""

FINISH_SECONDS = 5.0
"""How long output of an ended shell may take to reach a slow viewer."""


@dataclass(frozen=True, slots=True)
class Tab:
    """A terminal as users see it. `created_at` is in ms since the epoch and unique: it gives the order of the tabs."""

    uuid: str
    name: str
    created_at: int


class TypedInput:
    """The latest input of one terminal, and its time.

    `used`: something was typed into the terminal while an earlier agent ran. `fresh`: the terminal's shell has just
    started, so nothing was typed before. `ever` is True once something was typed, `count` is the number of texts that
    were typed since this agent started, and `at` is the time of the last one on the monotonic clock.
    """

    def __init__(self, *, used: bool, fresh: bool) -> None:
        self.ever = used
        self.count = 0
        self.at = float("-inf")
        self._last = self._before = "\r" if fresh else None  # as at a shell's first prompt

    def accepted(self, text: str) -> None:
        """Record that `text` was typed now, and that the terminal has accepted it."""
        self.at = time.monotonic()
        self._before, self._last = self._last, text[-KEPT:]

    @property
    def line_is_new(self) -> bool | None:
        """Whether nothing was typed since the last Enter or Ctrl-C; None if that is unknown."""
        return is_new_after(self._last, self._before)


class Terminal:
    """A shell, its pseudo-terminal and its kept output.

    `on_end` is called once, when the shell has ended and its last output is read. The output is kept until the terminal
    is closed. `stream` identifies the output of this shell, even across restarts of the agent. All terminals share
    `pacer`.
    """

    def __init__(
        self,
        tab: Tab,
        spawned: Spawned,
        ledger: Ledger,
        on_end: Callable[["Terminal"], None],
        pacer: ReadPacer | None = None,
    ) -> None:
        self.tab = tab
        self.pid = spawned.pid
        self.ended = False
        self.exit_status: int | None = None
        self.typed = TypedInput(used=spawned.adopted and not spawned.label.get("ended"), fresh=not spawned.adopted)
        self._exit_is_known = False
        self._loop = asyncio.get_running_loop()
        self.inactive_since: float | None = self._loop.time()
        self._ledger = ledger
        self._bounds = ring, waiting_input = ledger.open(TERMINAL_RING), ledger.open(TERMINAL_INPUT)
        self._memory = RingMemory(spawned.memory, shared=spawned.shared)
        self.modes = self._memory.modes()
        self.stream = self._memory.stream()
        # A keeper that was started before the limit was raised allocates smaller rings, also for new shells.
        self.ring = ByteRing(ring, self._memory.buffer, self._memory.marks, WINDOW_BYTES)
        self._on_end = on_end
        self._finish_by: float | None = None
        self._finish_timer: asyncio.TimerHandle | None = None
        if spawned.adopted:
            self.ring.recover(self._evicted)
        self.pacer = pacer if pacer is not None else ReadPacer(self._loop.time)
        pacing = self._reads_once, self._read_delay
        self._pty = Pty(spawned.master, ByteQueue(waiting_input), self._window, self._printed, self._finish, *pacing)
        self.flow = FlowControl(self._pty)

    @property
    def uuid(self) -> str:
        """The id that the phone gave the terminal."""
        return self.tab.uuid

    @property
    def size(self) -> tuple[int, int]:
        """The size of the terminal: its columns and rows."""
        return self._pty.size

    @property
    def position(self) -> int:
        """The number of bytes that the terminal has printed."""
        return self.ring.end

    def replay(self) -> bytes:
        """Return the bytes that restore the screen on a new emulator; none once the terminal is closed."""
        return b"" if self._memory.closed else snapshot(self.ring, self.modes)

    # -- output

    def _window(self) -> list[memoryview]:
        """Return the buffers for the next read.

        Together they are no larger than the ring can take without evicting output that a viewer needs.
        """
        window = self.ring.window()
        if not self.flow.is_watched or (room := self.flow.room) >= WINDOW_BYTES:
            return window
        first = window[0][:room]
        return [first, *(view[: room - len(first)] for view in window[1:] if room > len(first))]

    def _reads_once(self) -> bool:
        return self.flow.is_watched and self.pacer.interactive

    def _read_delay(self, length: int) -> float:
        return 0.0 if self.flow.is_watched else self.pacer.read_delay(length)

    def _printed(self, length: int) -> None:
        self.ring.published(length, self._evicted)
        if self.flow.wants_output:
            self.flow.printed()

    def _evicted(self, data: bytes) -> None:
        if self.modes.feed(data):
            self._memory.keep_modes(self.modes)

    def set_active(self, active: bool) -> None:
        """Record whether a viewer shows the terminal, or showed it when it disconnected."""
        if active:
            self.inactive_since = None
        elif self.inactive_since is None:
            self.inactive_since = self._loop.time()

    def trim(self, inactive_seconds: float, keep_bytes: int) -> bool:
        """Shorten the kept output to `keep_bytes` if the terminal was inactive for `inactive_seconds`.

        Return whether it was shortened.
        """
        if self.inactive_since is None or self._loop.time() - self.inactive_since < inactive_seconds:
            return False
        if not self.ring.trim(keep_bytes, self._evicted):
            return False
        self._memory.give_back(self.ring)
        return True

    # -- input

    def write(self, text: str, *, by_hand: bool = False) -> None:
        """Type a text. Raises TerminalError if the input buffer is full.

        `by_hand`: a user typed the text, so its echo is read immediately if it comes fast enough.
        """
        self.typed.ever = True
        self.typed.count += 1
        try:
            self.pacer.typed()
            self._pty.write(text.encode("utf-8", "replace"))
        except LimitReached as error:
            raise TerminalError(f"the program in this terminal does not read its input: {error}", self.uuid) from None
        self.flow.typed()
        self.typed.accepted(text)
        if by_hand and len(text) <= ECHO_BYTES and self.flow.is_watched:
            self._pty.read_echo(ECHO_SECONDS)

    def foreground(self) -> Foreground:
        """Return the program that reads the terminal's input now; UNKNOWN while input waits to be accepted."""
        return UNKNOWN if self._pty.input_waits else self._pty.foreground()

    def resize(self, cols: int, rows: int) -> None:
        """Set the size in character cells. Raises TerminalError for a size that no screen can have."""
        check_size(cols, rows, self.uuid)
        self._pty.resize(cols, rows)

    # -- the end

    def shell_ended(self, status: int | None) -> None:
        """Record the shell's exit status: negative for a signal, None if unknown."""
        self.exit_status, self._exit_is_known = status, True
        self._finish()

    def _finish(self) -> None:
        """Call `on_end` once the shell has ended and its last output is read and taken.

        A program that was left behind may keep the terminal open and print, and a shell may close its terminal and
        continue. After FINISH_SECONDS, neither is waited for any longer.
        """
        if self.ended:
            return
        self._finish_by = self._finish_by or self._loop.time() + FINISH_SECONDS
        if self._finish_timer is not None:
            self._finish_timer.cancel()
        waits = self._pty.holds_output() or self.flow.is_behind or not self._exit_is_known
        if waits and self._loop.time() < self._finish_by:
            self._finish_timer = self._loop.call_later(0.01, self._finish)
        else:
            self.ended = True
            self.flow.close()
            self._pty.close()
            on_end, self._on_end = self._on_end, _ignore
            on_end(self)

    def close(self) -> None:
        """Close the terminal: its descriptor, its ring and its ledger entries. Idempotent."""
        self.ended = True
        if self._finish_timer is not None:
            self._finish_timer.cancel()
        self.flow.close()
        self._pty.close()
        self._memory.close()
        for bound in self._bounds:
            self._ledger.close(bound)


def _ignore(_: Terminal) -> None:
    """Ignore the end of a terminal."""


def check_size(cols: int, rows: int, uuid: str = "") -> None:
    """Raise TerminalError for a size that no screen can have."""
    for name, value, most in (("cols", cols, MAX_COLS), ("rows", rows, MAX_ROWS)):
        if not 1 <= value <= most:
            raise TerminalError(f"terminal size: expected {name} from 1 to {most}; found {value}", uuid)
