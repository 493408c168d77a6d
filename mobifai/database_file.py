"""The files of SQLite databases: opening, checking, upgrading and copying them.

A file that is damaged, or was written by a newer version, is renamed and never written to; a new one takes its place.
"""

import contextlib
import logging
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from mobifai.errors import StateError
from mobifai.files import read_whole, set_aside

_log = logging.getLogger(__name__)

LOCKED_SECONDS = 0.2
"""How many seconds to wait for a file that another program has locked. The wait blocks the event loop."""


class UnusableFile(Exception):
    """A database file exists but can't be used; the text says why."""


NO_UPGRADES: Mapping[int, str] = MappingProxyType({})


def open_database(
    path: Path, schema: str, version: int, upgrades: Mapping[int, str] = NO_UPGRADES
) -> sqlite3.Connection:
    """Open or create a database file (mode 0600), in WAL mode with synchronous=NORMAL and autocommit.

    `schema` is the SQL that creates the tables of a new file. The file stores `version` as its `user_version`.
    `upgrades` maps each earlier version to the SQL that upgrades a file to the next version; all upgrades run in one
    transaction. A file that is damaged, or was written by a newer version, is renamed and replaced by a new one. Raises
    StateError if no file can be opened.
    """
    try:
        try:
            return open_file(path, schema, version, upgrades)
        except UnusableFile as why:
            aside = set_aside(path, "-wal", "-shm")
            text = f"{path} {why}; it was set aside as {aside.name}, and a new file is used"
            _log.warning("%s", text)  # so each text is a message kind of its own
            return open_file(path, schema, version, upgrades)
    except (OSError, sqlite3.Error, UnusableFile) as error:
        raise StateError(
            f"the database {path} can't be used: {error}; free some space, or choose another --state-dir"
        ) from None


def open_file(path: Path, schema: str, version: int, upgrades: Mapping[int, str]) -> sqlite3.Connection:
    """Open or create a database file; `open_database` describes the parameters.

    Raises UnusableFile if the file is damaged, of a newer version or has other tables. Raises OSError or sqlite3.Error
    if the file may be valid but can't be used now.
    """
    if path.exists() and not path.is_file():
        raise UnusableFile("is not a regular file")
    path.touch(mode=0o600)
    connection = sqlite3.connect(path, timeout=LOCKED_SECONDS, isolation_level=None)
    try:
        prepare(connection, schema, version, upgrades)
    except sqlite3.OperationalError as error:
        connection.close()  # this rolls back an incomplete upgrade
        if error.sqlite_errorcode == sqlite3.SQLITE_ERROR:
            raise UnusableFile(f"has other tables than expected ({error})") from None
        raise  # the disk is full, or the file is locked or read-only, but valid
    except sqlite3.DatabaseError as error:
        connection.close()
        raise UnusableFile(f"is damaged ({error})") from None
    except UnusableFile:
        connection.close()
        raise
    return connection


def prepare(connection: sqlite3.Connection, schema: str, version: int, upgrades: Mapping[int, str]) -> None:
    """Create the tables of a new database, or upgrade those of an old one. Raises UnusableFile, sqlite3.Error."""
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if found > version:
        raise UnusableFile(f"was written by a newer version of MobiFai (format {found}; expected at most {version})")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    (check,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if check != "ok":
        raise UnusableFile(f"is damaged ({check})")
    if found == 0:
        connection.executescript(f"BEGIN; {schema}; PRAGMA user_version = {version}; COMMIT")
    elif found < version:
        steps = "; ".join(upgrades[step] for step in range(found, version))
        connection.executescript(f"BEGIN IMMEDIATE; {steps}; PRAGMA user_version = {version}; COMMIT")
    _check_tables(connection, schema)


def _check_tables(connection: sqlite3.Connection, schema: str) -> None:
    """Raise UnusableFile if a database lacks a table or a column of the schema."""
    with contextlib.closing(sqlite3.connect(":memory:")) as model:
        model.executescript(schema)
        missing = _columns(model) - _columns(connection)
    if missing:
        table, column = min(missing)
        raise UnusableFile(f"has other tables than expected ({table}.{column} is missing)")


def _columns(connection: sqlite3.Connection) -> set[tuple[str, str]]:
    query = "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'"
    return set(connection.execute(query))


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Begin a transaction, and commit it at the end of this scope. An exception rolls it back."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def copy_rows(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    """Replace the rows of every table of `target` with those of `source`, which has the same schema."""
    names = source.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (table,) in names:
        columns = [str(row[1]) for row in source.execute(f'PRAGMA table_info("{table}")')]
        listed, marks = ", ".join(f'"{column}"' for column in columns), ", ".join("?" * len(columns))
        target.execute(f'DELETE FROM "{table}"')  # noqa: S608 - names of our own schema
        rows = source.execute(f'SELECT {listed} FROM "{table}"')  # noqa: S608 - as above
        target.executemany(f'INSERT INTO "{table}" ({listed}) VALUES ({marks})', rows)  # noqa: S608 - as above


def read_copy(path: Path, target: sqlite3.Connection, schema: str, version: int, upgrades: Mapping[int, str]) -> None:
    """Fill the empty database `target` from a file that can't be opened in place, by way of a temporary copy.

    Raises OSError, sqlite3.Error, UnusableFile.
    """
    with tempfile.TemporaryDirectory(prefix="mobifai-") as folder:  # private, as SQLite writes beside it
        copy = Path(folder, path.name)
        for suffix in ("-wal", ""):
            found = path.with_name(path.name + suffix)
            if not suffix or found.exists():
                copy.with_name(copy.name + suffix).write_bytes(read_whole(found))
        connection = open_file(copy, schema, version, upgrades)
        with contextlib.closing(connection):
            target.executescript(schema)
            copy_rows(connection, target)
