"""The SQLite databases of the state directory, which work even if their files are damaged or the disk is full.

A file that is damaged, or was written by a newer version, is renamed and never written to; a new one takes its place.
`Database` continues in memory where no file can be written.
"""

import contextlib
import sqlite3
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from mobifai.database_file import (
    NO_UPGRADES,
    UnusableFile,
    copy_rows,
    open_database,
    prepare,
    read_copy,
    transaction,
)
from mobifai.errors import StateError
from mobifai.problems import Problems

SqlValues = tuple[object, ...]

RETRY_SECONDS = 5.0
"""For how many seconds after a failed write `write_best_effort` does not try to write the file."""


class WriteFailed(StateError):
    """A change could not be written to disk, so it was not made in memory either."""


class Database:
    """A database of the state directory: held in memory, and written through to its file.

    `contents` names what the database stores, such as "tabs", for messages to the user.

    Reading never touches the disk. A change inside `with` is made both in memory and in the file, or, if WriteFailed is
    raised, in neither. A change by `write_best_effort` stays in memory even if the disk write fails. A file that can't
    be written now is tried again with later changes, and then receives everything that it missed. A file that can't be
    read is never written to.
    """

    def __init__(
        self,
        path: Path,
        schema: str,
        version: int,
        problems: Problems,
        upgrades: Mapping[int, str] = NO_UPGRADES,
        contents: str = "its content",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._contents = contents
        self._form = (schema, version, upgrades)
        self._problems = problems
        self._pending: list[tuple[str, SqlValues]] | None = None  # bounded: the statements of one `with`
        self._file: sqlite3.Connection | None = None
        self._may_write = True
        self._behind = False
        self._clock = clock
        self._retry_at = 0.0
        self._memory = sqlite3.connect(":memory:", isolation_level=None)
        self._load()

    def close(self) -> None:
        """Write the changes that the file lacks if possible, and close the file. Idempotent."""
        with contextlib.suppress(StateError, sqlite3.Error):
            self._caught_up()
        self._memory.close()
        self._close_file()

    def _close_file(self) -> None:
        if self._file is not None:
            with contextlib.suppress(sqlite3.Error):
                self._file.close()
            self._file = None

    # -- loading

    def _load(self) -> None:
        try:
            self._file = open_database(self._path, *self._form)
            self._memory.executescript(self._form[0])
            copy_rows(self._file, self._memory)
        except (StateError, sqlite3.Error) as error:
            self._close_file()
            self._memory.close()
            self._memory = sqlite3.connect(":memory:", isolation_level=None)
            self._load_copy(error)

    def _load_copy(self, why: Exception) -> None:
        """Load the rows of a file that can't be opened in place, because of `why`. Begin empty if that fails too.

        The file is written later only if it could be read, or does not exist.
        """
        self._behind = True
        try:
            read_copy(self._path, self._memory, *self._form)
        except (OSError, sqlite3.Error, UnusableFile) as unreadable:
            self._memory.close()
            self._memory = sqlite3.connect(":memory:", isolation_level=None)
            prepare(self._memory, *self._form)
            self._may_write = not self._path.exists()
            why = why if self._may_write else unreadable
        self._complain(why)

    def _complain(self, why: Exception) -> None:
        what = "can't be written" if self._may_write else "can't be read"
        self._problems.report(
            self._path.name,
            f"{self._contents} will be lost on a restart: {self._path} {what} ({why}); free some space, or make "
            "it readable and writable",
        )

    # -- reading and writing

    def execute(self, statement: str, values: SqlValues = ()) -> sqlite3.Cursor:
        """Run an SQL statement. Raises WriteFailed for a change outside `with` that can't be written to disk."""
        if statement.lstrip()[:6].upper() == "SELECT":
            return self._memory.execute(statement, values)
        if self._pending is not None:
            self._pending.append((statement, values))
            return self._memory.execute(statement, values)
        with self:
            return self.execute(statement, values)

    def write_best_effort(self, statement: str, values: SqlValues = ()) -> None:
        """Make a change in memory, and also in the file if it can be written now."""
        try:
            self._memory.execute(statement, values)
            if self._behind and self._clock() < self._retry_at:
                return
            if not self._caught_up():
                self._write([(statement, values)])
        except (StateError, sqlite3.Error) as error:
            self._fall_behind(error)

    def __enter__(self) -> "Database":
        try:
            self._caught_up()
        except (StateError, sqlite3.Error) as error:
            self._fall_behind(error)
        self._pending = []  # bounded: as above
        self._memory.execute("BEGIN")
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        changes, self._pending = self._pending or [], None
        if kind is not None:
            self._memory.execute("ROLLBACK")
            return
        try:
            self._write(changes)
        except (StateError, sqlite3.Error) as error:
            self._memory.execute("ROLLBACK")
            self._fall_behind(error)
            raise WriteFailed(f"it can't be written to disk ({error}); free some space") from None
        self._memory.execute("COMMIT")

    # -- the file

    def _write(self, changes: list[tuple[str, SqlValues]]) -> None:
        """Write changes to the file. Raises StateError, sqlite3.Error."""
        if self._behind or self._file is None:
            raise StateError(f"{self._path} can't be written")
        with transaction(self._file):
            for statement, values in changes:
                self._file.execute(statement, values)

    def _caught_up(self) -> bool:
        """Write all content to the file if the file lacks changes. Return whether it lacked any.

        Raises StateError, sqlite3.Error.
        """
        if not self._behind:
            return False
        if not self._may_write:
            raise StateError("it could not be read when this process started")
        if self._file is None:
            self._file = open_database(self._path, *self._form)
        with transaction(self._file):
            copy_rows(self._memory, self._file)
        self._behind = False
        self._problems.clear(self._path.name)
        return True

    def _fall_behind(self, error: Exception) -> None:
        self._behind = True
        self._retry_at = self._clock() + RETRY_SECONDS
        self._close_file()  # the file may have been replaced
        self._complain(error)
