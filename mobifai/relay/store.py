"""The relay's memory on disk: which devices may come in, and each account's settings.

Owns `relay.sqlite` of the state directory (mode 0600). It never sees a pairing code, and never decides anything.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mobifai.database import Database
from mobifai.problems import Problems

FILE = "relay.sqlite"

log = logging.getLogger(__name__)

_VERSION = 1
_SCHEMA = """
CREATE TABLE devices (
  device_id TEXT PRIMARY KEY, user_id TEXT NOT NULL, type TEXT NOT NULL, name TEXT NOT NULL, public_key TEXT NOT NULL,
  token_id TEXT NOT NULL UNIQUE, created_at REAL NOT NULL, last_seen REAL NOT NULL, revoked_at REAL
) STRICT;
CREATE TABLE settings (user_id TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT
"""
_COLUMNS = "device_id, user_id, type, name, public_key, token_id, created_at, last_seen, revoked_at"


@dataclass(frozen=True, slots=True)
class StoredDevice:
    """One device that was let in. Times are seconds since the epoch; `token_id` is the `jti` of its token."""

    device_id: str
    user_id: str
    type: str
    name: str
    public_key: str
    token_id: str
    created_at: float
    last_seen: float
    revoked_at: float | None = None


class Store:
    """Devices and settings. A write takes some 20 us, so it is done in the event loop's own thread."""

    def __init__(self, connection: Database) -> None:
        self._connection = connection

    @classmethod
    @contextmanager
    def open(cls, state_dir: Path, problems: Problems | None = None) -> Iterator["Store"]:
        """Open the file, or make it, for the length of a scope."""
        connection = Database(
            state_dir / FILE, _SCHEMA, _VERSION, problems or Problems(), contents="the relay's devices"
        )
        try:
            yield cls(connection)
        finally:
            connection.close()

    # -- devices

    def devices(self, user_id: str) -> list[StoredDevice]:
        """The devices that are let in, oldest first."""
        return self._select("user_id = ? AND revoked_at IS NULL ORDER BY created_at", user_id)

    def count(self, user_id: str) -> int:
        """How many devices are let in."""
        query = "SELECT count(*) FROM devices WHERE user_id = ? AND revoked_at IS NULL"
        return int(self._connection.execute(query, (user_id,)).fetchone()[0])

    def device(self, device_id: str) -> StoredDevice | None:
        """A device, revoked or not."""
        return next(iter(self._select("device_id = ?", device_id)), None)

    def by_token(self, token_id: str) -> StoredDevice | None:
        """The device that holds a token, revoked or not."""
        return next(iter(self._select("token_id = ?", token_id)), None)

    def _select(self, condition: str, argument: str) -> list[StoredDevice]:
        query = f"SELECT {_COLUMNS} FROM devices WHERE {condition}"  # noqa: S608 - both are constants of this module
        return [StoredDevice(*row) for row in self._connection.execute(query, (argument,))]

    def put(self, device: StoredDevice) -> None:
        """Let a device in; what was known of the same id is replaced."""
        values = (getattr(device, column) for column in _COLUMNS.split(", "))
        with self._connection:
            self._connection.execute("INSERT OR REPLACE INTO devices VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*values,))

    def put_own(self, device: StoredDevice) -> None:
        """Let the agent of this process in, also while that can't be kept."""
        values = (getattr(device, column) for column in _COLUMNS.split(", "))
        self._connection.note("INSERT OR REPLACE INTO devices VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*values,))

    def seen(self, device_id: str, name: str, public_key: str, now: float) -> None:
        """Note that a device came in, and what it says of itself. A full disk keeps nobody out."""
        self._connection.note(
            "UPDATE devices SET name = ?, public_key = ?, last_seen = ? WHERE device_id = ?",
            (name, public_key, now, device_id),
        )

    def revoke(self, device_id: str, now: float, keep: int) -> bool:
        """Shut a device out; False when it is not one that was let in. Only the `keep` newest revoked ones are kept."""
        with self._connection:
            changed = self._connection.execute(
                "UPDATE devices SET revoked_at = ? WHERE device_id = ? AND revoked_at IS NULL", (now, device_id)
            ).rowcount
            self._connection.execute(
                "DELETE FROM devices WHERE revoked_at IS NOT NULL AND device_id NOT IN "
                "(SELECT device_id FROM devices WHERE revoked_at IS NOT NULL ORDER BY revoked_at DESC LIMIT ?)",
                (keep,),
            )
        return changed == 1

    # -- settings

    def settings(self, user_id: str) -> str:
        """An account's settings: the JSON of an object."""
        row = self._connection.execute("SELECT json FROM settings WHERE user_id = ?", (user_id,)).fetchone()
        return str(row[0]) if row else "{}"

    def put_settings(self, user_id: str, json: str) -> None:
        """Replace an account's settings."""
        with self._connection:
            self._connection.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (user_id, json))
