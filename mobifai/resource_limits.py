"""Checks the limits that the system sets for this process (`ulimit`), and explains those that are too low."""

import errno
import logging
import math
import os
import resource
import sys
from contextlib import suppress

from mobifai.errors import CommandError

_log = logging.getLogger(__name__)

NEEDED_FILES = 48
"""How many more file descriptors an agent must be able to open. With a phone and five terminals, it uses this many."""

WANTED_FILES = 1024

NEEDED_FILE_BYTES = 64 << 20
"""The file size, in bytes, that the system must allow. The log and the databases stay smaller than this."""

NEEDED_ADDRESS_SPACE, NEEDED_DATA = 512 << 20, 256 << 20
"""The bytes of address space and of data that the system must allow. An agent with a phone on the data channel uses
about a third of each."""

_MEMORY_LIMITS = {"-v": (resource.RLIMIT_AS, NEEDED_ADDRESS_SPACE), "-d": (resource.RLIMIT_DATA, NEEDED_DATA)}
"""For each option of `ulimit` that limits memory: the resource, and the bytes that must be allowed. Only Linux enforces
these limits."""


def check_limits() -> None:
    """Raise CommandError if an agent can't work within this process' limits on descriptors or memory.

    Log a warning if only the limit on file sizes is too low.
    """
    free = _free_descriptors()
    if free < NEEDED_FILES:
        raise CommandError(_too_few_files(free))
    if sys.platform.startswith("linux") and any(_soft(limit) < needed for limit, needed in _MEMORY_LIMITS.values()):
        raise CommandError(_no_memory())
    size = _soft(resource.RLIMIT_FSIZE)
    if size < NEEDED_FILE_BYTES:
        _log.warning(
            "a file may have at most %d bytes (`ulimit -f`), so phones, tabs and the log may not be kept; "
            "run `ulimit -f unlimited` in the shell that starts MobiFai",
            size,
        )


def _soft(limit: int) -> float:
    """Return the soft limit of a resource (`RLIMIT_*`); infinity if there is none."""
    soft, _ = resource.getrlimit(limit)
    return math.inf if soft == resource.RLIM_INFINITY else soft


def _free_descriptors() -> int:
    """Return how many more file descriptors this process can open, counting no further than NEEDED_FILES."""
    opened: list[int] = []
    with suppress(OSError):
        while len(opened) < NEEDED_FILES:
            opened.append(os.dup(0))
    for descriptor in opened:
        os.close(descriptor)
    return len(opened)


def fork() -> int:
    """Fork this process like `os.fork`. Raises CommandError with the reason if that fails."""
    try:
        return os.fork()
    except OSError as error:
        raise CommandError(
            _no_process() if error.errno == errno.EAGAIN else describe_shortage(error) or str(error)
        ) from None


def describe_shortage(error: BaseException) -> str | None:
    """Explain an error that a lack of memory, descriptors or processes caused, with a remedy; None for other errors."""
    parts = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EMFILE:
        return _too_few_files(0)
    if number == errno.ENFILE:
        return "the system-wide limit of open files is reached; end other programs, or raise that limit"
    if isinstance(error, MemoryError) or number == errno.ENOMEM or _is_unmapped(error):
        return _no_memory()
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        return _no_process()
    return next((found for part in parts if (found := describe_shortage(part)) is not None), None)


def _is_unmapped(error: BaseException) -> bool:
    """Return whether an import failed because there was not enough memory to load a library."""
    return isinstance(error, ImportError) and ("failed to map" in str(error) or "allocate memory" in str(error))


def _too_few_files(free: int) -> str:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    raised = WANTED_FILES if hard == resource.RLIM_INFINITY else min(hard, WANTED_FILES)
    remedy = (
        f"run `ulimit -n {raised}` in the shell that starts MobiFai"
        if raised >= soft - free + NEEDED_FILES
        else "have the administrator raise the hard limit"
    )
    return (
        f"the limit of open files is too low: MobiFai needs {NEEDED_FILES} and can open {free} more; the limit "
        f"(`ulimit -n`) is {soft}; {remedy}"
    )


def _no_process() -> str:
    most = _soft(resource.RLIMIT_NPROC)
    limit = "" if most == math.inf else f" (`ulimit -u` is {most})"
    return (
        "no process or thread can be started: the limit of processes of this user is reached"
        f"{limit}; end some, or raise the limit"
    )


def _no_memory() -> str:
    found = [
        f"`ulimit {option}` is {int(most) >> 10} kB, and MobiFai needs {needed >> 10}"
        for option, (limit, needed) in _MEMORY_LIMITS.items()
        if (most := _soft(limit)) != math.inf
    ]
    if found:
        return f"not enough memory: {'; '.join(found)}; raise it in the shell that starts MobiFai"
    return "not enough memory: the system has none left for MobiFai; end other programs"
