"""The init process of a container (PID 1): runs the command in a child process, and reaps orphaned processes.

The system makes PID 1 the parent of orphaned processes. Each of them that has ended remains as a zombie until PID 1
reaps it. A command that waits only for its own children would accumulate zombies. The keeper of `mobifai serve` reaps
orphans itself.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from mobifai.resource_limits import fork
from mobifai.terminals.spawning import ended_children

_OWN = frozenset({signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD, signal.SIGTTIN, signal.SIGTTOU, signal.SIGSEGV})
"""Signals that are not forwarded to the child: they can't be caught, or they concern only the process that receives
them."""


def fork_if_init() -> None:
    """Fork if this process is PID 1, and return in the child. PID 1 exits when the child does.

    The process must have a single thread.
    """
    if os.getpid() != 1:
        return
    with _blocked_signals() as waited:
        child = fork()
        if child:
            os._exit(_wait_for(child, waited))
    _take_terminal()


@contextmanager
def _blocked_signals() -> Iterator[set[int]]:
    """Block the signals that PID 1 forwards or waits for, and yield them.

    This happens before the fork, so that no signal is lost.
    """
    waited: set[int] = set(signal.valid_signals()) - _OWN | {signal.SIGCHLD}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, waited)
    try:
        yield waited
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _take_terminal() -> None:
    """Make this process' group the foreground group of the terminal, so that Ctrl-C reaches the child only once."""
    os.setpgid(0, 0)
    if sys.__stdin__ is not None and os.isatty(0):
        before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        try:
            os.tcsetpgrp(0, os.getpgrp())
        except OSError:  # not the controlling terminal
            pass
        finally:
            signal.signal(signal.SIGTTOU, before)


def _wait_for(child: int, waited: set[int]) -> int:
    """Forward the signals in `waited` to the child, and reap processes, until the child has ended.

    Return the child's exit status.
    """
    while True:
        number = signal.sigwait(waited)
        if number != signal.SIGCHLD:
            os.kill(child, number)
            continue
        status = dict(ended_children()).get(child)
        if status is not None:
            return status if status >= 0 else 128 - status
