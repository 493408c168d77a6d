"""Opening a SQLite file of the state directory, whatever has become of it.

Owns nothing: the connection is the caller's. A file that is damaged, or written by a newer version, is set aside
under another name and never written to; a new one takes its place.
"""

import datetime as dt
import logging
import sqlite3
from pathlib import Path

from mobifai.errors import StateError

_log = logging.getLogger(__name__)


class _Unusable(Exception):
    """The file is there and can't be used; the text says why."""


def open_database(path: Path, schema: str, version: int) -> sqlite3.Connection:
    """A connection to a file (0600) with this schema, in WAL mode with synchronous=NORMAL and autocommit.

    `schema` makes a new file; `version` is kept in it (`user_version`). Raises StateError when no file can be made.
    """
    try:
        try:
            return _open(path, schema, version)
        except _Unusable as why:
            aside = _set_aside(path)
            _log.warning("%s %s; it is kept as %s, and a new one is begun", path, why, aside.name)
            return _open(path, schema, version)
    except (OSError, sqlite3.Error, _Unusable) as error:
        raise StateError(
            f"the database {path} can't be used: {error}; free some space, or choose another --state-dir"
        ) from None


def _open(path: Path, schema: str, version: int) -> sqlite3.Connection:
    path.touch(mode=0o600)
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        _prepare(connection, schema, version)
    except sqlite3.OperationalError:  # the disk is full, the file is locked or read-only: it is not to blame
        connection.close()
        raise
    except sqlite3.DatabaseError as error:
        connection.close()
        raise _Unusable(f"is damaged ({error})") from None
    except _Unusable:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, schema: str, version: int) -> None:
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if found > version:
        raise _Unusable(f"was written by a newer version of MobiFai (format {found}; this one knows {version})")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    (check,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if check != "ok":
        raise _Unusable(f"is damaged ({check})")
    if found == 0:
        connection.executescript(f"BEGIN; {schema}; PRAGMA user_version = {version}; COMMIT")


def _set_aside(path: Path) -> Path:
    """Rename a file and what SQLite keeps beside it. Raises OSError."""
    stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%S%f")
    for suffix in ("-wal", "-shm", ""):
        found = path.with_name(path.name + suffix)
        if found.exists():
            found.rename(path.with_name(f"{path.name}.kept-{stamp}{suffix}"))
    return path.with_name(f"{path.name}.kept-{stamp}")
