"""The tabs that outlive the agent, stored in SQLite: their directories, their order, and which were active."""

import logging
import os
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mobifai.database import Database
from mobifai.problems import Problems
from mobifai.terminals.terminal import Tab

_log = logging.getLogger(__name__)

_VERSION = 1
_SCHEMA = """
CREATE TABLE tabs (
    uuid TEXT PRIMARY KEY, name TEXT NOT NULL, created_at INTEGER NOT NULL, cwd BLOB NOT NULL, active INTEGER NOT NULL
) STRICT, WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class SavedTab:
    """A tab as it is stored. `cwd` is the working directory of its shell; `active`: a viewer showed it last."""

    tab: Tab
    cwd: str
    active: bool


class TabStore:
    """Owns the database of tabs. Writes survive a crash of the agent (WAL, synchronous=NORMAL).

    A write that fails (a full disk) is logged; the tab is then missing after a restart.
    """

    def __init__(self, path: Path, problems: Problems | None = None) -> None:
        self._db = Database(path, _SCHEMA, _VERSION, problems or Problems(), contents="tabs")

    def __enter__(self) -> "TabStore":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database. Idempotent."""
        self._db.close()

    def load(self) -> list[SavedTab]:
        """Return all tabs in their order."""
        rows = self._db.execute("SELECT uuid, name, created_at, cwd, active FROM tabs ORDER BY created_at, uuid")
        return [
            SavedTab(Tab(uuid, name, created), os.fsdecode(cwd), bool(active))
            for uuid, name, created, cwd, active in rows
        ]

    def save(self, tab: Tab, cwd: str) -> None:
        """Store a tab and the working directory of its shell, or update them."""
        self._write(
            "INSERT INTO tabs (uuid, name, created_at, cwd, active) VALUES (?, ?, ?, ?, 0)"
            " ON CONFLICT (uuid) DO UPDATE SET name = excluded.name, cwd = excluded.cwd",
            (tab.uuid, tab.name, tab.created_at, os.fsencode(cwd)),
        )

    def remove(self, uuid: str) -> None:
        """Remove a tab."""
        self._write("DELETE FROM tabs WHERE uuid = ?", (uuid,))

    def set_active(self, uuids: Iterable[str]) -> None:
        """Store that these tabs are active, and that all others are not."""
        marks = tuple(uuids)
        places = ", ".join("?" * len(marks))
        self._write(f"UPDATE tabs SET active = uuid IN ({places})", marks)  # noqa: S608 - only question marks

    def _write(self, statement: str, values: tuple[object, ...]) -> None:
        try:
            self._db.write_best_effort(statement, values)
        except (sqlite3.Error, UnicodeError) as error:  # for example, a name that is not valid Unicode
            _log.warning(
                "could not store a change of the terminal tabs, so the next start will not restore it: %s", error
            )
