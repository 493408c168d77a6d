"""Reads small files safely, and writes them atomically. Holds no state.

New content is first written to a temporary file in the same directory. That file has an unpredictable name, and is
created only if nothing has this name, not even a link. Then the temporary file replaces the old one.
"""

import contextlib
import datetime as dt
import os
import stat
import tempfile
from pathlib import Path

MOST_BYTES = 16 << 20
"""The size in bytes of the largest file that `read_whole` accepts."""


def write_whole(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file atomically: it has either its old content or all of the new. Raises OSError."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:64]}.")  # 0600, O_EXCL, O_NOFOLLOW
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


def read_whole(path: Path) -> bytes:
    """Read a regular file without blocking. Raises OSError.

    Raises ValueError for a file that is not regular, or is longer than MOST_BYTES.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise ValueError("it is not a regular file")
        if found.st_size > MOST_BYTES:
            raise ValueError(f"it has {found.st_size} bytes; at most {MOST_BYTES} are allowed")
        return file.read(MOST_BYTES)


def set_aside(path: Path, *suffixes: str) -> Path:
    """Rename a file that can't be used. Return its new path. Raises OSError.

    Files whose name is that of the file with one of `suffixes` appended are renamed, too.
    """
    name = f"{path.name}.kept-{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S%f}"
    for suffix in (*suffixes, ""):
        found = path.with_name(path.name + suffix)
        if found.exists() or found.is_symlink():
            found.rename(path.with_name(name + suffix))
    return path.with_name(name)
