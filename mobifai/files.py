"""Small files that are read with care, and written whole or not at all. Owns nothing.

A new content goes to a draft first: a file of a fresh, unpredictable name in the same directory, which is made only if
nothing has that name, a link included. Then it takes the old file's place.
"""

import contextlib
import datetime as dt
import os
import stat
import tempfile
from pathlib import Path

MOST_BYTES = 16 << 20
"""More than any file that is read whole has."""


def write_whole(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file, whole or not at all. Raises OSError."""
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
    """Read a file. Raises OSError, and ValueError for what is no ordinary file or is far too long. Never waits."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise ValueError("it is no ordinary file")
        if found.st_size > MOST_BYTES:
            raise ValueError(f"it has {found.st_size} bytes, of {MOST_BYTES} at most")
        return file.read(MOST_BYTES)


def set_aside(path: Path, *suffixes: str) -> Path:
    """Rename a file that can't be used, and those beside it with these suffixes. Raises OSError."""
    name = f"{path.name}.kept-{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S%f}"
    for suffix in (*suffixes, ""):
        found = path.with_name(path.name + suffix)
        if found.exists() or found.is_symlink():
            found.rename(path.with_name(name + suffix))
    return path.with_name(name)
