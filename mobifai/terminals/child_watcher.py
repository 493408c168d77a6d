"""Learn that a child process has ended, without a thread and without a signal handler.

Linux has pidfd (since 5.3), macOS has kqueue's NOTE_EXIT; both are descriptors that the loop can watch.
"""

import asyncio
import os
import select
from collections.abc import Callable

from mobifai.terminals.spawning import exit_status


def open_exit_descriptor(pid: int) -> int:
    """A descriptor that becomes readable when the process ends. Who asks owns it. Raises OSError."""
    if hasattr(os, "pidfd_open"):
        return os.pidfd_open(pid)
    queue = select.kqueue()  # type: ignore[attr-defined, unused-ignore]
    event = select.kevent(  # type: ignore[attr-defined, unused-ignore]
        pid,
        filter=select.KQ_FILTER_PROC,  # type: ignore[attr-defined, unused-ignore]
        flags=select.KQ_EV_ADD,  # type: ignore[attr-defined, unused-ignore]
        fflags=select.KQ_NOTE_EXIT,  # type: ignore[attr-defined, unused-ignore]
    )
    queue.control([event], 0)
    return os.dup(queue.fileno())


class ChildWatcher:
    """Call `on_exit` once with a child's exit status when it has ended; `close` ends the watch.

    The status is negative for a signal, and None where somebody else took it.
    """

    def __init__(self, pid: int, on_exit: Callable[[int | None], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._pid = pid
        self._on_exit = on_exit
        self._fd: int | None = open_exit_descriptor(pid)
        self._loop.add_reader(self._fd, self._ended)

    def _ended(self) -> None:
        try:
            status = exit_status(self._pid)
        except ChildProcessError:
            status = None
        self.close()
        self._on_exit(status)

    def close(self) -> None:
        """Stop watching. Closing twice changes nothing."""
        if self._fd is not None:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = None
