"""One writer for a report's directory: a lock that the system releases with the process that holds it.

The directory itself is locked, so no file is left behind.
"""

import errno
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from soak.report.files import ReportError

_HELD = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)
PID = "pid"
"""Where the environment of an unfinished report has the process that writes it."""


@contextmanager
def locked(directory: Path, *documents: str) -> Iterator[None]:
    """Have the directory for this process alone. Raises ReportError when another process has it.

    The first of `documents` (by default `report.json`) that is unfinished says which one that is. Where a file system
    has no locks the scope is entered without one.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _lock(descriptor, directory, documents or ("report.json",))
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, directory: Path, documents: tuple[str, ...]) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _HELD:
            return
        raise ReportError(
            f"{directory}: expected a directory that nobody writes to, found {_holder(directory, documents)}; "
            "wait for its end, or name another directory with --report"
        ) from None


def _holder(directory: Path, documents: tuple[str, ...]) -> str:
    for name in documents:
        with suppress(OSError, ValueError, KeyError, TypeError):
            report = json.loads((directory / name).read_bytes())
            if not report["finished"]:
                return f"one that process {int(report['environment'][PID])} writes to"
    return "one that another process writes to"
