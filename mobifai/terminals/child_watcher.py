"""Watches for the end of a child process without a thread or a signal handler.

Linux has pidfds (since 5.3) and macOS kqueue's NOTE_EXIT; both are descriptors that the loop can watch.
"""

import asyncio
import os
import select
from collections.abc import Callable

from mobifai.terminals.spawning import exit_status


def open_exit_descriptor(pid: int) -> int:
    """Return a descriptor, owned by the caller, that becomes readable when the process ends. Raises OSError."""
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
    """Calls `on_exit` once, with the exit status of a child that has ended, unless the watcher is closed before.

    The status is the negative number of the signal that ended the child, if one did. It is None if the child was reaped
    elsewhere.
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
        """Stop watching. Idempotent."""
        if self._fd is not None:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = None
