"""The first process of a container (PID 1): it runs the command in a child, and takes the status of every orphan.

The system gives orphans to the first process, and keeps each that has ended until its status is taken. A command that
waits only for its own children would let them pile up. `mobifai serve` has a keeper, which does this itself.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from mobifai.resource_limits import fork
from mobifai.terminals.spawning import ended_children

_OWN = frozenset({signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD, signal.SIGTTIN, signal.SIGTTOU, signal.SIGSEGV})
"""Signals that are not passed on: they can't be, or are meant for the process that gets them."""


def fork_if_init() -> None:
    """Return in a child if this is the first process, which exits when the child does. Needs a single thread."""
    if os.getpid() != 1:
        return
    with _blocked_signals() as waited:
        child = fork()
        if child:
            os._exit(_wait_for(child, waited))
    _take_terminal()


@contextmanager
def _blocked_signals() -> Iterator[set[int]]:
    """Hold all signals back from the fork on, so that none is lost."""
    waited: set[int] = set(signal.valid_signals()) - _OWN | {signal.SIGCHLD}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, waited)
    try:
        yield waited
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _take_terminal() -> None:
    """Have a process group of its own in the foreground, so that Ctrl-C reaches the child once."""
    os.setpgid(0, 0)
    if sys.__stdin__ is not None and os.isatty(0):
        before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        try:
            os.tcsetpgrp(0, os.getpgrp())
        except OSError:  # it is not the terminal of this session
            pass
        finally:
            signal.signal(signal.SIGTTOU, before)


def _wait_for(child: int, waited: set[int]) -> int:
    """Pass signals on and take statuses until the child has ended; the exit status for it."""
    while True:
        number = signal.sigwait(waited)
        if number != signal.SIGCHLD:
            os.kill(child, number)
            continue
        status = dict(ended_children()).get(child)
        if status is not None:
            return status if status >= 0 else 128 - status
