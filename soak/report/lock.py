"""A lock that allows one writer for a report's directory. The system releases the lock when the process ends.

The directory itself is locked, so no lock file is left behind.
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
"""The key in a report's environment under which the id of the writing process is stored."""


@contextmanager
def locked(directory: Path, *documents: str) -> Iterator[None]:
    """Lock a directory within a scope. Raises ReportError if another process has locked it.

    The error names that process. Its id is read from the first unfinished report among `documents` (by default
    `report.json`). On a file system without locks, the scope runs without a lock.
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
            f"{directory}: expected a directory that no other process writes to, "
            f"found {_holder(directory, documents)}; wait until it has ended, or name another directory with --report"
        ) from None


def _holder(directory: Path, documents: tuple[str, ...]) -> str:
    for name in documents:
        with suppress(OSError, ValueError, KeyError, TypeError):
            report = json.loads((directory / name).read_bytes())
            if not report["finished"]:
                return f"one that process {int(report['environment'][PID])} writes to"
    return "one that another process writes to"
