"""Reads the log of another process: its last lines, and new lines, across rotations of the file.

Owns the file that it has opened for reading. It never writes.
"""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

FOLLOW_SECONDS = 0.25
_PIECE = 64 << 10


def last_lines(path: Path, count: int) -> list[str]:
    """Return the last `count` lines of a log and its rotated files, oldest line first. Raises OSError without a log."""
    lines = _lines(path)
    number = 1
    while len(lines) < count:
        try:
            lines = _lines(path.with_name(f"{path.name}.{number}")) + lines
        except FileNotFoundError:
            break
        number += 1
    return lines[-count:] if count else []


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)


def follow(path: Path, begin: os.stat_result, pause: Callable[[float], None] = time.sleep) -> Iterator[str]:
    """Yield the text that is appended to a log after its file had the status `begin`. The generator never ends.

    When the log is rotated, the old file is read to its end first, then the new file from its beginning. `pause` is
    called with a number of seconds to wait for more text.
    """
    position = begin.st_size
    current = _open(path)
    try:
        if os.fstat(current).st_ino != begin.st_ino:
            position = 0
        while True:
            moved = _moved(path, current)
            while piece := os.pread(current, _PIECE, position):
                position += len(piece)
                yield piece.decode(errors="replace")
            if moved:
                os.close(current)
                current, position = _open(path), 0
            else:
                pause(FOLLOW_SECONDS)
    finally:
        os.close(current)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def _moved(path: Path, current: int) -> bool:
    """Return whether `path` now names another file than the open file `current`.

    Call this before reading `current` to its end: text that is appended in between is then still read.
    """
    try:
        return path.stat().st_ino != os.fstat(current).st_ino
    except FileNotFoundError:
        return False
