"""The master side of a terminal: reads and writes without blocking, and can pause reading.

It owns the descriptor. It keeps no output. Input that the kernel has not accepted yet is buffered in a bounded queue.
"""

import asyncio
import contextlib
import os
import select
import termios
import time
from collections.abc import Callable

from mobifai.bounds import ByteQueue
from mobifai.limits import MAX_COLS, MAX_ROWS
from mobifai.terminals.foreground import UNKNOWN, Foreground, foreground

_WRITE_BYTES = 4096
_AT_ONCE = 4096
"""About the most bytes that the kernel returns for one read. A read of less than half of this has usually emptied the
kernel's buffer."""

_give_way: Callable[[], None] = getattr(os, "sched_yield", lambda: None)


class Pty:
    """One terminal's master.

    Output is read into the buffers that `window` returns, and `on_read` is called with the number of bytes. `on_end` is
    called once, after the last output. `waiting` buffers input that the kernel has not accepted yet. While `is_quick`
    returns True, the master is read only once per iteration of the event loop. `rest` gets the number of bytes read,
    and returns for how many seconds the master is not read (see `read_pacing`).
    """

    def __init__(
        self,
        master: int,
        waiting: ByteQueue,
        window: Callable[[], list[memoryview]],
        on_read: Callable[[int], None],
        on_end: Callable[[], None],
        is_quick: Callable[[], bool] = lambda: False,
        rest: Callable[[int], float] = lambda _: 0.0,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._master: int | None = master
        self._waiting = waiting
        self._window = window
        self._on_read = on_read
        self._on_end = on_end
        self._is_quick = is_quick
        self._rest = rest
        self._resting: asyncio.TimerHandle | None = None
        self._reading = False
        self._echoes = True
        self._poll = select.poll()
        self._poll.register(master, select.POLLIN)
        self.resume()

    @property
    def reading(self) -> bool:
        """Return whether output is read. While it is not, a program blocks once the kernel's buffer is full."""
        return self._reading

    def resume(self) -> None:
        """Start reading output."""
        if self._master is not None and not self._reading:
            self._loop.add_reader(self._master, self._readable)
            self._reading = True

    def pause(self) -> None:
        """Stop reading output; what the program prints then stays in the kernel."""
        if self._master is not None and self._reading:
            self._reading = False
            if self._resting is None:
                self._loop.remove_reader(self._master)
            else:
                self._resting.cancel()
                self._resting = None

    def _rest_for(self, seconds: float) -> None:
        assert self._master is not None  # noqa: S101
        self._loop.remove_reader(self._master)
        self._resting = self._loop.call_later(seconds, self._rested)

    def _rested(self) -> None:
        self._resting, self._reading = None, False
        self.resume()

    def _readable(self) -> None:
        if self._master is None:
            return
        length, ended = self._read(self._master, self._window(), once=self._is_quick())
        if length:
            self._echoes = True
            self._on_read(length)
        if ended and self._master is not None:
            self.close()
            self._on_end()
        elif self._reading and length and (rest := self._rest(length)):
            self._rest_for(rest)

    @staticmethod
    def _read(master: int, views: list[memoryview], *, once: bool) -> tuple[int, bool]:
        """Fill `views` with the available output. Return the number of bytes, and whether the output has ended.

        With `once`, read only once.
        """
        length, room = 0, sum(map(len, views))
        try:
            for view in views:
                at = 0
                while at < len(view) and (not length or room - length >= _AT_ONCE):
                    read = os.readv(master, [view[at:]])
                    if not read:
                        return length, True
                    at, length = at + read, length + read
                    if once or (read < _AT_ONCE // 2 and at < len(view)):
                        return length, False
        except BlockingIOError:
            return length, False
        except OSError:
            return length, True  # Linux reports EIO once the last slave is closed
        return length, False

    def holds_output(self) -> bool:
        """Return whether the kernel has unread output."""
        return self._master is not None and any(events & select.POLLIN for _, events in self._poll.poll(0))

    def read_echo(self, patience: float) -> None:
        """Read output that arrives within `patience` seconds, without returning to the event loop.

        The kernel usually has the echo of a key already, and waiting in the loop would take longer. While polling, this
        method yields the CPU. If no output arrives, further calls return immediately until the program prints.
        """
        if not self._echoes or not self._reading or self._resting is not None:
            return
        poll, clock = self._poll.poll, time.monotonic
        end = clock() + patience
        while not poll(0):
            _give_way()
            if clock() > end:
                self._echoes = False
                return
        self._readable()

    def write(self, data: bytes) -> None:
        """Write input. What the kernel does not accept now is buffered. Raises LimitReached if the buffer is full."""
        if self._master is None:
            return
        if not len(self._waiting):
            data = data[self._write_now(data) :]
        if data:
            first = not len(self._waiting)
            self._waiting.append(data)
            if first:
                self._loop.add_writer(self._master, self._writable)

    def _write_now(self, data: bytes) -> int:
        assert self._master is not None  # noqa: S101
        try:
            return os.write(self._master, data)
        except BlockingIOError:
            return 0
        except OSError:
            return len(data)  # no program is left to read it; reading reports the end

    def _writable(self) -> None:
        self._waiting.drop(self._write_now(self._waiting.peek(_WRITE_BYTES)))
        if not len(self._waiting) and self._master is not None:
            self._loop.remove_writer(self._master)

    @property
    def size(self) -> tuple[int, int]:
        """Return columns and rows, at most MAX_COLS and MAX_ROWS; 80 and 24 if none were set."""
        rows, cols = 0, 0
        if self._master is not None:
            with contextlib.suppress(termios.error, OSError):
                rows, cols = termios.tcgetwinsize(self._master)
        return min(cols, MAX_COLS) or 80, min(rows, MAX_ROWS) or 24

    def foreground(self) -> Foreground:
        """Return the program that reads the terminal's input now."""
        return UNKNOWN if self._master is None else foreground(self._master)

    @property
    def input_waits(self) -> bool:
        """Return whether input waits that the kernel has not accepted yet."""
        return len(self._waiting) > 0

    def resize(self, cols: int, rows: int) -> None:
        """Set the size in character cells; the kernel notifies the programs."""
        if self._master is not None:
            with contextlib.suppress(termios.error, OSError):
                termios.tcsetwinsize(self._master, (rows, cols))

    def close(self) -> None:
        """Close the master; the kernel hangs up on programs in the terminal. Idempotent."""
        if self._master is None:
            return
        self.pause()
        self._loop.remove_writer(self._master)
        os.close(self._master)
        self._master = None
        self._waiting.drop(len(self._waiting))
