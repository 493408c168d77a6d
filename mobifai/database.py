"""The SQLite databases of the state directory, which work even if their files are damaged or the disk is full.

A file that is damaged, or was written by a newer version, is renamed and never written to; a new one takes its place.
`Database` continues in memory where no file can be written.
"""

import contextlib
import logging
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from mobifai.errors import StateError
from mobifai.files import read_whole, set_aside
from mobifai.problems import Problems

_log = logging.getLogger(__name__)


SqlValues = tuple[object, ...]

LOCKED_SECONDS = 0.2
"""How long to wait for a file that another program has locked; this blocks the event loop."""


RETRY_SECONDS = 5.0
"""The interval at which deferred changes are written again to a file that could not be written."""


class _Unusable(Exception):
    """The file exists but can't be used; the text says why."""


_NO_UPGRADES: Mapping[int, str] = MappingProxyType({})


def open_database(
    path: Path, schema: str, version: int, upgrades: Mapping[int, str] = _NO_UPGRADES
) -> sqlite3.Connection:
    """Open a file (0600) with this schema, in WAL mode with synchronous=NORMAL and autocommit.

    `schema` creates a new file, which stores `version` (`user_version`). `upgrades` has the statements that upgrade a
    file from each earlier version to the next one, in one transaction. Raises StateError if no file can be created.
    """
    try:
        try:
            return _open(path, schema, version, upgrades)
        except _Unusable as why:
            aside = set_aside(path, "-wal", "-shm")
            text = f"{path} {why}; it was set aside as {aside.name}, and a new file is used"
            _log.warning("%s", text)  # so that deduplication tells files apart
            return _open(path, schema, version, upgrades)
    except (OSError, sqlite3.Error, _Unusable) as error:
        raise StateError(
            f"the database {path} can't be used: {error}; free some space, or choose another --state-dir"
        ) from None


def _open(path: Path, schema: str, version: int, upgrades: Mapping[int, str]) -> sqlite3.Connection:
    if path.exists() and not path.is_file():
        raise _Unusable("is not a regular file")
    path.touch(mode=0o600)
    connection = sqlite3.connect(path, timeout=LOCKED_SECONDS, isolation_level=None)
    try:
        _prepare(connection, schema, version, upgrades)
    except sqlite3.OperationalError as error:
        connection.close()  # this rolls back an incomplete upgrade
        if error.sqlite_errorcode == sqlite3.SQLITE_ERROR:
            raise _Unusable(f"has other tables than expected ({error})") from None
        raise  # the disk is full, or the file is locked or read-only, but valid
    except sqlite3.DatabaseError as error:
        connection.close()
        raise _Unusable(f"is damaged ({error})") from None
    except _Unusable:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, schema: str, version: int, upgrades: Mapping[int, str]) -> None:
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if found > version:
        raise _Unusable(f"was written by a newer version of MobiFai (format {found}; expected at most {version})")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    (check,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if check != "ok":
        raise _Unusable(f"is damaged ({check})")
    if found == 0:
        connection.executescript(f"BEGIN; {schema}; PRAGMA user_version = {version}; COMMIT")
    elif found < version:
        steps = "; ".join(upgrades[step] for step in range(found, version))
        connection.executescript(f"BEGIN IMMEDIATE; {steps}; PRAGMA user_version = {version}; COMMIT")
    _check_tables(connection, schema)


def _check_tables(connection: sqlite3.Connection, schema: str) -> None:
    """Raise _Unusable for a file without a table or a column of the schema."""
    with contextlib.closing(sqlite3.connect(":memory:")) as model:
        model.executescript(schema)
        missing = _columns(model) - _columns(connection)
    if missing:
        table, column = min(missing)
        raise _Unusable(f"has other tables than expected ({table}.{column} is missing)")


def _columns(connection: sqlite3.Connection) -> set[tuple[str, str]]:
    query = "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'"
    return set(connection.execute(query))


class WriteFailed(StateError):
    """A change could not be written to disk and was not made."""


class Database:
    """A database of the state directory: held in memory, and written through to its file. `contents` names it.

    Reading never touches the disk. A change inside `with` is made in both or, with WriteFailed, in neither. A change by
    `write_best_effort` stays in memory even if the disk write fails. A file that can't be written now is tried again
    with later changes, and then receives everything that it missed. A file that can't be read is never written to.
    """

    def __init__(
        self,
        path: Path,
        schema: str,
        version: int,
        problems: Problems,
        upgrades: Mapping[int, str] = _NO_UPGRADES,
        contents: str = "what is in it",
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
        """Write pending changes if possible, and close the file. Closing twice does nothing."""
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
            _copy(self._file, self._memory)
        except (StateError, sqlite3.Error) as error:
            self._close_file()
            self._memory.close()
            self._memory = sqlite3.connect(":memory:", isolation_level=None)
            self._load_copy(error)

    def _load_copy(self, why: Exception) -> None:
        """Begin with the readable content. The file is written later only if all of it could be read."""
        self._behind = True
        try:
            _read_only(self._path, self._memory, *self._form)
        except (OSError, sqlite3.Error, _Unusable) as unreadable:
            self._memory.close()
            self._memory = sqlite3.connect(":memory:", isolation_level=None)
            _prepare(self._memory, *self._form)
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
        """Run a statement. Raises WriteFailed for a change outside `with` that can't be written."""
        if statement.lstrip()[:6].upper() == "SELECT":
            return self._memory.execute(statement, values)
        if self._pending is not None:
            self._pending.append((statement, values))
            return self._memory.execute(statement, values)
        with self:
            return self.execute(statement, values)

    def write_best_effort(self, statement: str, values: SqlValues = ()) -> None:
        """Make a change in memory, and write it if possible."""
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
        with _transaction(self._file):
            for statement, values in changes:
                self._file.execute(statement, values)

    def _caught_up(self) -> bool:
        """Write all content to a file that is behind. Returns whether it was. Raises StateError, sqlite3.Error."""
        if not self._behind:
            return False
        if not self._may_write:
            raise StateError("it could not be read when this process started")
        if self._file is None:
            self._file = open_database(self._path, *self._form)
        with _transaction(self._file):
            _copy(self._memory, self._file)
        self._behind = False
        self._problems.clear(self._path.name)
        return True

    def _fall_behind(self, error: Exception) -> None:
        self._behind = True
        self._retry_at = self._clock() + RETRY_SECONDS
        self._close_file()  # the file may have been replaced
        self._complain(error)


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _copy(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    """Replace the rows of every table with those of another database with the same schema."""
    names = source.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (table,) in names:
        columns = [str(row[1]) for row in source.execute(f'PRAGMA table_info("{table}")')]
        listed, marks = ", ".join(f'"{column}"' for column in columns), ", ".join("?" * len(columns))
        target.execute(f'DELETE FROM "{table}"')  # noqa: S608 - names of our own schema
        rows = source.execute(f'SELECT {listed} FROM "{table}"')  # noqa: S608 - as above
        target.executemany(f'INSERT INTO "{table}" ({listed}) VALUES ({marks})', rows)  # noqa: S608 - as above


def _read_only(path: Path, target: sqlite3.Connection, schema: str, version: int, upgrades: Mapping[int, str]) -> None:
    """Fill an empty database from a file that can't be opened in place. Raises OSError, sqlite3.Error, _Unusable."""
    with tempfile.TemporaryDirectory(prefix="mobifai-") as folder:  # private; SQLite writes next to the file
        copy = Path(folder, path.name)
        for suffix in ("-wal", ""):
            found = path.with_name(path.name + suffix)
            if not suffix or found.exists():
                copy.with_name(copy.name + suffix).write_bytes(read_whole(found))
        connection = _open(copy, schema, version, upgrades)
        with contextlib.closing(connection):
            target.executescript(schema)
            _copy(connection, target)
