"""The log on disk: the current file and a few older ones, with limits on their number and sizes.

Owns the open file and all log files. A full disk or an unwritable directory never raises an error: the problem is
reported once, lines are dropped, and writing is tried again after a minute. Only the process that holds the lock of the
state directory writes.
"""

import contextlib
import logging
import os
import re
from collections.abc import Callable
from pathlib import Path

from mobifai.bounds import Bound, ItemQueue, Ledger
from mobifai.errors import StateError
from mobifai.limits import LOG_FILE, LOG_FILES, LOG_LINE
from mobifai.logs.formatting import LogLine
from mobifai.state import private_directory

RETRY_SECONDS = 60.0

_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


def log_path(state_dir: Path) -> Path:
    """Return the path of the current log file.

    Older files have this name with a number appended (`.1`, `.2` ...). The oldest file has the highest number.
    """
    return state_dir / "logs" / "mobifai.log"


class LogFile:
    """Writes lines to the log file, and rotates it.

    `form` formats a line. `complain` is called with a text for the user if there is a problem. `clock` is monotonic, in
    seconds.
    """

    def __init__(
        self,
        path: Path,
        ledger: Ledger,
        form: Callable[[LogLine], str],
        complain: Callable[[str], None],
        clock: Callable[[], float],
    ) -> None:
        self._path = path
        self._ledger = ledger
        self._form = form
        self._complain = complain
        self._clock = clock
        self._files = ledger.open(LOG_FILES)
        self._line = ledger.open(LOG_LINE)
        self._sizes: ItemQueue[Bound] = ItemQueue(self._files)  # the oldest file's first
        self._current: Bound | None = None
        self._descriptor: int | None = None
        self._missing = 0
        self._retry_at: float | None = None

    def write(self, line: LogLine) -> None:
        """Write a log line to the file. If that fails, count the line as missing. Never raises OSError."""
        if self._retry_at is not None and self._clock() < self._retry_at:
            self._missing += 1
            return
        try:
            self._open()
            self._put(line)
        except (OSError, StateError) as error:
            self._fail(error)
        else:
            self._recovered()

    def close(self) -> None:
        """Close the current file and the ledger entries of all files. Idempotent."""
        self._close_file()
        self._ledger.close(self._files)
        self._ledger.close(self._line)

    # -- opening

    def _open(self) -> None:
        if self._descriptor is not None and os.fstat(self._descriptor).st_nlink:
            return
        self._close_file()  # it was removed, so nobody could read further lines
        private_directory(self._path.parent)
        capacity = self._ledger.capacity(LOG_FILE)
        for number in self._older():
            self._account(_fit(self._place(number), capacity))
        self._descriptor = os.open(self._path, _FLAGS, 0o600)
        os.fchmod(self._descriptor, 0o600)
        self._account(_fit(self._path, capacity))

    def _older(self) -> range:
        """Renumber older files without gaps, and remove those beyond the limit. Return their numbers, oldest first."""
        numbers = []
        for path in self._path.parent.glob(f"{self._path.name}.*"):
            suffix = path.name.removeprefix(f"{self._path.name}.")
            if re.fullmatch(r"[1-9]\d{0,8}", suffix):
                numbers.append(int(suffix))
        for position, number in enumerate(sorted(numbers), 1):
            if position >= self._files.capacity:
                self._place(number).unlink()
            elif position != number:
                self._place(number).rename(self._place(position))
        return range(min(len(numbers), self._files.capacity - 1), 0, -1)

    def _place(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}") if number else self._path

    def _account(self, size: int) -> None:
        self._current = self._ledger.open(LOG_FILE)
        self._current.set(size)
        self._sizes.append(self._current)

    def _close_file(self) -> None:
        self._close_descriptor()
        while len(self._sizes):
            self._ledger.close(self._sizes.take())

    def _close_descriptor(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    # -- writing

    def _put(self, line: LogLine) -> None:
        assert self._current is not None  # noqa: S101
        if self._missing:
            reason = f"lines missing here: {self._missing} (the file could not be written)"
            self._append(self._cut(LogLine(line.time, logging.WARNING, __name__, reason)))
            self._missing = 0
        self._append(self._cut(line))

    def _cut(self, line: LogLine) -> bytes:
        """Encode a log line for the file. Leave out its middle if it is longer than the limit."""
        data = self._form(line).encode(errors="backslashreplace")
        most = min(self._line.capacity, self._ledger.capacity(LOG_FILE)) - 1
        if len(data) > most:
            self._line.evicted(len(data) - most)
            data = _without_middle(data, most)
        self._line.set(len(data) + 1)
        return data + b"\n"

    def _append(self, data: bytes) -> None:
        assert self._current is not None  # noqa: S101
        if self._current.used + len(data) > self._current.capacity:
            self._rotate()
        assert self._descriptor is not None  # noqa: S101
        size = self._current.used
        try:
            written = 0
            while written < len(data):
                written += os.write(self._descriptor, data[written:])
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, size)  # remove an incomplete line
            raise
        self._current.set(size + len(data))

    def _rotate(self) -> None:
        """Begin a new current file.

        Increase the numbers of the other files by one, and remove the oldest file if needed.
        """
        if not self._files.room:
            oldest = self._sizes.take()
            oldest.evicted(oldest.used)
            self._files.evicted(1)
            self._ledger.close(oldest)
        for number in range(len(self._sizes), 0, -1):
            with contextlib.suppress(FileNotFoundError):
                self._place(number - 1).replace(self._place(number))
        if self._files.capacity == 1:
            self._path.unlink(missing_ok=True)
        self._close_descriptor()  # before the next file is opened: there may be no other descriptor
        self._descriptor = os.open(self._path, _FLAGS, 0o600)
        self._account(0)

    # -- problems

    def _fail(self, error: Exception) -> None:
        self._close_file()
        self._missing += 1
        if self._retry_at is None:
            self._complain(
                f"the log file {self._path} can't be written ({error}); logging continues here only, and the file is "
                "tried again every minute: free some space, or make it writable"
            )
        self._retry_at = self._clock() + RETRY_SECONDS

    def _recovered(self) -> None:
        if self._retry_at is not None:
            self._retry_at = None
            self._complain(f"the log file {self._path} can be written again")


def _without_middle(data: bytes, most: int) -> bytes:
    mark = b" ... %d bytes left out ... " % (len(data) - most)
    room = max(0, most - len(mark))
    tail = room // 2
    return (data[: room - tail] + mark + data[len(data) - tail :])[:most].decode(errors="ignore").encode()


def _fit(path: Path, capacity: int) -> int:
    """Cut a file to its newest whole lines if it exceeds the present limit. Return its new size in bytes.

    The file is changed in place, because the disk may be full. Its mode becomes 0600.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "r+b") as file:
        os.fchmod(file.fileno(), 0o600)
        size = os.fstat(file.fileno()).st_size
        if size <= capacity:
            return size
        file.seek(size - capacity)
        newest = file.read(capacity).partition(b"\n")[2]
        file.seek(0)
        file.write(newest)
        file.truncate()
        return len(newest)
