"""Prepares the process: standard streams, locale and signals, in whatever state the parent process left them."""

import os
import signal
import sys
from collections.abc import Callable, Mapping, MutableMapping
from pathlib import Path

_COERCED = frozenset({"C.UTF-8", "C.utf8", "UTF-8"})
"""The values of LC_CTYPE that Python sets in its own environment if the locale is C (PEP 538)."""


def prepare_process() -> None:
    """Open closed standard streams, undo Python's locale coercion, and unblock signals that the parent blocked.

    If the parent ignores SIGCHLD, the default action is restored, because otherwise the system would discard the exit
    statuses of children. If the parent ignores SIGHUP or SIGINT (nohup, `&` in a script), they stay ignored.
    """
    open_standard_streams()
    forget_coerced_locale(os.environ, original_environment)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def open_standard_streams() -> None:
    """Connect the standard streams that the parent closed to the null device.

    Otherwise the next files and sockets would get these descriptors, and printed text would be written to them.
    """
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)  # gets the lowest free descriptor, which is this one
            os.set_inheritable(opened, True)
            mode = "r" if descriptor == 0 else "w"
            setattr(sys, name, open(opened, mode, encoding="utf-8", errors="replace", closefd=False))  # noqa: SIM115


def forget_coerced_locale(environ: MutableMapping[str, str], original: Callable[[], Mapping[str, str]]) -> None:
    """Remove LC_CTYPE from `environ` if Python set it, so that no service and no shell inherits it.

    `original` returns the environment with which the process was started.
    """
    if environ.get("LC_CTYPE") in _COERCED and "LC_CTYPE" not in original():
        del environ["LC_CTYPE"]


def original_environment() -> Mapping[str, str]:
    """Return the environment with which this process was started, or the current one if the system can't report it."""
    if sys.platform == "linux":
        try:
            words = Path("/proc/self/environ").read_bytes().split(b"\0")
        except OSError:
            return os.environ
        return {name: value for name, _, value in (os.fsdecode(word).partition("=") for word in words)}
    import psutil  # noqa: PLC0415 - only needed if LC_CTYPE may be Python's

    try:
        return psutil.Process().environ()
    except psutil.Error:
        return os.environ
