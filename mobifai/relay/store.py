"""The relay's database: accounts, devices, and each account's settings.

The database is the file `relay.sqlite` in the state directory (mode 0600). Of the invitations, it holds only those for
agents, which may be created while no relay runs. Invitations for phones are lost on a restart.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mobifai.database import Database
from mobifai.problems import Problems
from mobifai.protocol.codes import ClientKind, Grant

FILE = "relay.sqlite"
OWNER = "owner"
"""The account that every relay has."""

log = logging.getLogger(__name__)

_VERSION = 2
_DEVICES = """
CREATE TABLE devices (
  user_id TEXT NOT NULL, device_id TEXT NOT NULL, type TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
  public_key TEXT NOT NULL, token_id TEXT NOT NULL UNIQUE, created_at REAL NOT NULL, last_seen REAL NOT NULL,
  revoked_at REAL, PRIMARY KEY (user_id, device_id)
) STRICT
"""
_ACCOUNTS = "CREATE TABLE accounts (name TEXT PRIMARY KEY, created_at REAL NOT NULL) STRICT"
_GRANTS = """
CREATE TABLE grants (
  grant_id TEXT PRIMARY KEY, user_id TEXT NOT NULL, kind TEXT NOT NULL, code TEXT NOT NULL, expires_at REAL NOT NULL
) STRICT
"""
_SCHEMA = f"""
{_ACCOUNTS};
{_DEVICES};
{_GRANTS};
CREATE TABLE settings (user_id TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT
"""
_UPGRADES = {
    1: f"""
ALTER TABLE devices RENAME TO devices_1;
{_ACCOUNTS};
{_DEVICES};
{_GRANTS};
INSERT INTO devices
  SELECT user_id, device_id, type, CASE type WHEN 'mac' THEN 'agent' ELSE '' END, name, public_key, token_id,
    created_at, last_seen, revoked_at
  FROM devices_1;
DROP TABLE devices_1
"""  # noqa: S608 - constants of this module
}
_COLUMNS = "user_id, device_id, type, kind, name, public_key, token_id, created_at, last_seen, revoked_at"
_PUT = "INSERT OR REPLACE INTO devices VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class StoredDevice:
    """A paired or revoked device of the account `user_id`. Times are seconds since the epoch.

    `token_id` is the claim `jti` of the device's token.
    """

    user_id: str
    device_id: str
    type: str
    kind: ClientKind
    name: str
    public_key: str
    token_id: str
    created_at: float
    last_seen: float
    revoked_at: float | None = None


class RelayStore:
    """Stores accounts, devices and settings. A `user_id` is an account's name; times are seconds since the epoch.

    A write takes some 20 us, so it runs in the event loop's own thread.
    """

    def __init__(self, connection: Database) -> None:
        self._connection = connection

    @classmethod
    @contextmanager
    def open(cls, state_dir: Path, problems: Problems | None = None) -> Iterator["RelayStore"]:
        """Open the database, or create it, for the length of a scope."""
        connection = Database(
            state_dir / FILE, _SCHEMA, _VERSION, problems or Problems(), _UPGRADES, contents="the relay's devices"
        )
        try:
            yield cls(connection)
        finally:
            connection.close()

    # -- accounts

    def accounts(self) -> list[str]:
        """Return the names of all accounts: `owner`, then the others, oldest first."""
        query = "SELECT name FROM accounts ORDER BY created_at, name"
        return [OWNER, *(str(name) for (name,) in self._connection.execute(query))]

    def put_account(self, name: str, now: float) -> None:
        """Add an account. Raises WriteFailed."""
        with self._connection:
            self._connection.execute("INSERT INTO accounts VALUES (?, ?)", (name, now))

    def remove_account(self, name: str) -> None:
        """Remove an account with everything that belongs to it, in memory even if the disk is full."""
        self._connection.write_best_effort("DELETE FROM accounts WHERE name = ?", (name,))
        for table in ("devices", "grants", "settings"):
            self._connection.write_best_effort(f"DELETE FROM {table} WHERE user_id = ?", (name,))  # noqa: S608 - see above

    # -- invitations of agents

    def grants(self, user_id: str, now: float) -> list[Grant]:
        """Return the valid invitations of an account, oldest first."""
        query = "SELECT grant_id, kind, code, expires_at FROM grants WHERE user_id = ? AND expires_at > ?"
        found = self._connection.execute(f"{query} ORDER BY expires_at", (user_id, now))
        return [Grant(grant_id, ClientKind(kind), code, expires_at) for grant_id, kind, code, expires_at in found]

    def put_grant(self, user_id: str, grant: Grant, now: float) -> None:
        """Add an invitation, and delete expired ones, in memory even if the disk write fails."""
        self._connection.write_best_effort("DELETE FROM grants WHERE expires_at <= ?", (now,))
        values = (grant.grant_id, user_id, grant.kind.value, grant.code, grant.expires_at)
        self._connection.write_best_effort("INSERT INTO grants VALUES (?, ?, ?, ?, ?)", values)

    # -- devices

    def devices(self, user_id: str) -> list[StoredDevice]:
        """Return an account's paired devices, oldest first."""
        return self._select("user_id = ? AND revoked_at IS NULL ORDER BY created_at", user_id)

    def count(self, user_id: str) -> int:
        """Return the number of an account's paired devices."""
        query = "SELECT count(*) FROM devices WHERE user_id = ? AND revoked_at IS NULL"
        return int(self._connection.execute(query, (user_id,)).fetchone()[0])

    def device(self, user_id: str, device_id: str) -> StoredDevice | None:
        """Return a device of an account, revoked or not; None if there is no such device."""
        return next(iter(self._select("user_id = ? AND device_id = ?", user_id, device_id)), None)

    def by_token(self, token_id: str) -> StoredDevice | None:
        """Return the device with this token, revoked or not; None if there is no such device."""
        return next(iter(self._select("token_id = ?", token_id)), None)

    def _select(self, condition: str, *arguments: str) -> list[StoredDevice]:
        query = f"SELECT {_COLUMNS} FROM devices WHERE {condition}"  # noqa: S608 - both are constants of this module
        return [_device(row) for row in self._connection.execute(query, arguments)]

    def put(self, device: StoredDevice) -> None:
        """Add or replace a device, and delete the invitation that it used. Raises WriteFailed."""
        with self._connection:
            self._connection.execute(_PUT, _values(device))
            self._connection.execute("DELETE FROM grants WHERE grant_id = ?", (device.token_id,))

    def put_best_effort(self, device: StoredDevice) -> None:
        """Add or replace a device, in memory even if the disk write fails."""
        self._connection.write_best_effort(_PUT, _values(device))

    def record_sign_in(self, user_id: str, device_id: str, name: str, public_key: str, now: float) -> None:
        """Record a sign-in with the device's name and key, in memory even if the disk write fails."""
        self._connection.write_best_effort(
            "UPDATE devices SET name = ?, public_key = ?, last_seen = ? WHERE user_id = ? AND device_id = ?",
            (name, public_key, now, user_id, device_id),
        )

    def record_connected(self, user_id: str, device_id: str, now: float) -> None:
        """Store `now` as the last time at which a device was connected, in memory even if the disk write fails."""
        self._connection.write_best_effort(
            "UPDATE devices SET last_seen = ? WHERE user_id = ? AND device_id = ?", (now, user_id, device_id)
        )

    def revoke(self, user_id: str, device_id: str, now: float, keep: int) -> bool:
        """Revoke a device, in memory even if the disk write fails. Return whether there was such a paired device.

        Only the `keep` newest revoked devices are kept.
        """
        known = self.device(user_id, device_id)
        if known is None or known.revoked_at is not None:
            return False
        self._connection.write_best_effort(
            "UPDATE devices SET revoked_at = ? WHERE user_id = ? AND device_id = ?", (now, user_id, device_id)
        )
        self._connection.write_best_effort(
            "DELETE FROM devices WHERE user_id = ?1 AND revoked_at IS NOT NULL AND device_id NOT IN "
            "(SELECT device_id FROM devices WHERE user_id = ?1 AND revoked_at IS NOT NULL "
            "ORDER BY revoked_at DESC LIMIT ?2)",
            (user_id, keep),
        )
        return True

    # -- settings

    def settings(self, user_id: str) -> str:
        """Return an account's settings as the text of a JSON object."""
        row = self._connection.execute("SELECT json FROM settings WHERE user_id = ?", (user_id,)).fetchone()
        return str(row[0]) if row else "{}"

    def put_settings(self, user_id: str, json: str) -> None:
        """Replace an account's settings with the JSON object `json`. Raises WriteFailed."""
        with self._connection:
            self._connection.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (user_id, json))


def _values(device: StoredDevice) -> tuple[object, ...]:
    """Return the row of a device. SQLite needs the kind as a plain string."""
    return tuple(str(value) if isinstance(value, ClientKind) else value for value in _fields(device))


def _fields(device: StoredDevice) -> Iterator[object]:
    return (getattr(device, column) for column in _COLUMNS.split(", "))


def _device(row: tuple[object, ...]) -> StoredDevice:
    user_id, device_id, type_, kind, *rest = row
    return StoredDevice(user_id, device_id, type_, ClientKind(kind), *rest)  # type: ignore[arg-type]
