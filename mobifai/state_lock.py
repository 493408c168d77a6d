"""The locks that keep other processes out of a state directory. They end when the process ends.

One lock is on the file `lock` in the directory, which contains the pid of the lock's holder. The other lock is on the
directory itself, and also works on a read-only disk.
"""

import contextlib
import fcntl
import os
from pathlib import Path

from mobifai.errors import StateError
from mobifai.files import read_whole


def lock_directory(path: Path) -> tuple[int, ...]:
    """Lock a directory. Return the descriptors that hold the locks; closing them ends the locks.

    Raises StateError if another process has a lock, or the directory can't be locked.
    """
    locks: list[int] = []  # bounded: two
    try:
        for target, flags in (("lock", os.O_RDWR | os.O_CREAT), ("lock", os.O_RDONLY), (".", os.O_DIRECTORY)):
            if target == "." or not locks:
                locks += _locked(path, target, flags)
    except StateError:
        for lock in locks:
            os.close(lock)
        raise
    if not locks:
        raise StateError(f"{path} can't be locked; choose another directory with --state-dir")
    return tuple(locks)


def _locked(path: Path, target: str, flags: int) -> list[int]:
    """Lock `target` in the directory, and return the descriptor that holds the lock; an empty list if that is not
    supported.

    Raises StateError if another process has the lock.
    """
    try:
        lock = os.open(path / target, flags | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    except OSError:
        return []
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise StateError(
            f"another mobifai (process {_holder(path)}) is running with the state directory {path}; "
            "stop it, or choose another directory with --state-dir"
        ) from None
    except OSError:  # for example, a directory on some network file systems
        os.close(lock)
        return []
    with contextlib.suppress(OSError):
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return [lock]


def _holder(path: Path) -> str:
    try:
        return read_whole(path / "lock")[:32].decode(errors="replace").strip() or "unknown"
    except (OSError, ValueError):
        return "unknown"
