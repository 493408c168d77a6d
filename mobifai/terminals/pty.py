"""The master side of a terminal: reads and writes without blocking, and stops reading when told to.

It owns the descriptor. It keeps no output; what the kernel does not take of the input waits in a bounded queue.
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
"""Bytes that the kernel gives for one read, at most; after less than half of it there mostly is no more."""

_give_way: Callable[[], None] = getattr(os, "sched_yield", lambda: None)


class Pty:
    """One terminal's master.

    Output is read into the buffers that `window` gives; `on_read` is told how many bytes. `on_end` is called once, when
    nothing more will come. Input that the kernel does not take yet waits in `waiting`. While `is_quick`, the loop comes
    round after every single read; `rest` says for how many seconds nothing is read after so many bytes (see `pace`).
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
        """Whether output is taken from the kernel; while it is not, the kernel stops the program."""
        return self._reading

    def resume(self) -> None:
        """Take output."""
        if self._master is not None and not self._reading:
            self._loop.add_reader(self._master, self._readable)
            self._reading = True

    def pause(self) -> None:
        """Leave output with the kernel."""
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
        """Fill the views as far as there is output; how many bytes that was, and whether it was the last."""
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
            return length, True  # Linux says EIO when the last slave closed
        return length, False

    def holds_output(self) -> bool:
        """Whether the kernel has output that was not read yet."""
        return self._master is not None and any(events & select.POLLIN for _, events in self._poll.poll(0))

    def read_echo(self, patience: float) -> None:
        """Read what is printed within so many seconds, without the loop: going to sleep and waking up again takes
        longer than the echo, which the kernel's terminal mostly has by now. Who else wants this processor gets it.
        After a look in vain there is none until something was printed.
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
        """Type. What the kernel does not take now follows later. Raises LimitReached when too much waits."""
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
            return len(data)  # nobody is there to read it; the reader sees the end

    def _writable(self) -> None:
        self._waiting.drop(self._write_now(self._waiting.peek(_WRITE_BYTES)))
        if not len(self._waiting) and self._master is not None:
            self._loop.remove_writer(self._master)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows, as far as a screen has them; 80 and 24 where nobody has set any."""
        rows, cols = 0, 0
        if self._master is not None:
            with contextlib.suppress(termios.error, OSError):
                rows, cols = termios.tcgetwinsize(self._master)
        return min(cols, MAX_COLS) or 80, min(rows, MAX_ROWS) or 24

    def foreground(self) -> Foreground:
        """The program that reads what is typed."""
        return UNKNOWN if self._master is None else foreground(self._master)

    @property
    def input_waits(self) -> bool:
        """Whether some of the input is still to be given to the kernel."""
        return len(self._waiting) > 0

    def resize(self, cols: int, rows: int) -> None:
        """Set the size in character cells; the kernel tells the programs."""
        if self._master is not None:
            with contextlib.suppress(termios.error, OSError):
                termios.tcsetwinsize(self._master, (rows, cols))

    def close(self) -> None:
        """Close the master: the kernel hangs up on what still uses the terminal. Twice changes nothing."""
        if self._master is None:
            return
        self.pause()
        self._loop.remove_writer(self._master)
        os.close(self._master)
        self._master = None
        self._waiting.drop(len(self._waiting))
