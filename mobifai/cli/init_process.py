"""The init process of a container (PID 1): runs the command in a child, and reaps orphaned processes.

The system makes PID 1 the parent of orphans, and keeps each that has ended as a zombie until it is reaped. A command
that waits only for its own children would let zombies pile up. The keeper of `mobifai serve` reaps them itself.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from mobifai.resource_limits import fork
from mobifai.terminals.spawning import ended_children

_OWN = frozenset({signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD, signal.SIGTTIN, signal.SIGTTOU, signal.SIGSEGV})
"""Signals that are not forwarded: they can't be, or concern only the process that gets them."""


def fork_if_init() -> None:
    """Fork if this is PID 1, and return in the child; PID 1 exits when the child does. Needs a single thread."""
    if os.getpid() != 1:
        return
    with _blocked_signals() as waited:
        child = fork()
        if child:
            os._exit(_wait_for(child, waited))
    _take_terminal()


@contextmanager
def _blocked_signals() -> Iterator[set[int]]:
    """Block the signals that PID 1 forwards or waits for, and yield them: before the fork, so that none is lost."""
    waited: set[int] = set(signal.valid_signals()) - _OWN | {signal.SIGCHLD}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, waited)
    try:
        yield waited
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _take_terminal() -> None:
    """Make the child's process group the foreground one, so that Ctrl-C reaches the child only once."""
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
    """Forward the `waited` signals to the child, and reap processes until it has ended. Return its exit status."""
    while True:
        number = signal.sigwait(waited)
        if number != signal.SIGCHLD:
            os.kill(child, number)
            continue
        status = dict(ended_children()).get(child)
        if status is not None:
            return status if status >= 0 else 128 - status
