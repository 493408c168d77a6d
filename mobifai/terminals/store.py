"""The tabs that outlive the agent, in SQLite: which, in which directory, in which order, which were active."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mobifai.errors import StateError
from mobifai.terminals.terminal import Tab

_SCHEMA = """
CREATE TABLE IF NOT EXISTS tabs (
    uuid TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    cwd TEXT NOT NULL,
    active INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class SavedTab:
    """A tab as it was."""

    tab: Tab
    cwd: str
    active: bool


class TabStore:
    """Owns the data base file. A write is durable against a crash of the agent (WAL, synchronous=NORMAL)."""

    def __init__(self, path: Path) -> None:
        path.touch(mode=0o600)
        try:
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute(_SCHEMA)
        except sqlite3.Error as error:
            raise StateError(f"the tabs' data base {path} can't be used: {error}; move it away to start anew") from None

    def __enter__(self) -> "TabStore":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the data base. Twice changes nothing."""
        self._db.close()

    def load(self) -> list[SavedTab]:
        """All tabs, in their order."""
        rows = self._db.execute("SELECT uuid, name, created_at, cwd, active FROM tabs ORDER BY created_at, uuid")
        return [SavedTab(Tab(uuid, name, created), cwd, bool(active)) for uuid, name, created, cwd, active in rows]

    def save(self, tab: Tab, cwd: str) -> None:
        """Keep a tab, or change it."""
        self._db.execute(
            "INSERT INTO tabs (uuid, name, created_at, cwd) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (uuid) DO UPDATE SET name = excluded.name, cwd = excluded.cwd",
            (tab.uuid, tab.name, tab.created_at, cwd),
        )

    def remove(self, uuid: str) -> None:
        """Forget a tab."""
        self._db.execute("DELETE FROM tabs WHERE uuid = ?", (uuid,))

    def set_active(self, uuids: Iterable[str]) -> None:
        """Keep which tabs are active."""
        marks = [(uuid,) for uuid in uuids]
        with self._transaction():
            self._db.execute("UPDATE tabs SET active = 0")
            self._db.executemany("UPDATE tabs SET active = 1 WHERE uuid = ?", marks)

    def _transaction(self) -> "_Transaction":
        return _Transaction(self._db)


class _Transaction:
    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN")

    def __exit__(self, kind: object, *exc_info: object) -> None:
        self._db.execute("COMMIT" if kind is None else "ROLLBACK")
