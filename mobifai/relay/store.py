"""The relay's memory on disk: its accounts, which devices may come in, and each account's settings.

Owns `relay.sqlite` of the state directory (mode 0600), and never decides anything. The only codes that it keeps are
those of agents, which may be made while no relay runs; phones are invited anew after a restart.
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
    """One device that was let in. Times are seconds since the epoch; `token_id` is the `jti` of its token."""

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
    """Accounts, devices and settings. A write takes some 20 us, so it is done in the event loop's own thread."""

    def __init__(self, connection: Database) -> None:
        self._connection = connection

    @classmethod
    @contextmanager
    def open(cls, state_dir: Path, problems: Problems | None = None) -> Iterator["RelayStore"]:
        """Open the file, or make it, for the length of a scope."""
        connection = Database(
            state_dir / FILE, _SCHEMA, _VERSION, problems or Problems(), _UPGRADES, contents="the relay's devices"
        )
        try:
            yield cls(connection)
        finally:
            connection.close()

    # -- accounts

    def accounts(self) -> list[str]:
        """The names of all accounts: `owner`, then the others, oldest first."""
        query = "SELECT name FROM accounts ORDER BY created_at, name"
        return [OWNER, *(str(name) for (name,) in self._connection.execute(query))]

    def put_account(self, name: str, now: float) -> None:
        """Add an account."""
        with self._connection:
            self._connection.execute("INSERT INTO accounts VALUES (?, ?)", (name, now))

    def remove_account(self, name: str) -> None:
        """Remove an account with everything that belongs to it. A full disk keeps nobody in."""
        self._connection.write_best_effort("DELETE FROM accounts WHERE name = ?", (name,))
        for table in ("devices", "grants", "settings"):
            self._connection.write_best_effort(f"DELETE FROM {table} WHERE user_id = ?", (name,))  # noqa: S608 - see above

    # -- invitations of agents

    def grants(self, user_id: str, now: float) -> list[Grant]:
        """The invitations of an account that are good still, oldest first."""
        query = "SELECT grant_id, kind, code, expires_at FROM grants WHERE user_id = ? AND expires_at > ?"
        found = self._connection.execute(f"{query} ORDER BY expires_at", (user_id, now))
        return [Grant(grant_id, ClientKind(kind), code, expires_at) for grant_id, kind, code, expires_at in found]

    def put_grant(self, user_id: str, grant: Grant, now: float) -> None:
        """Keep an invitation, if that is possible; those whose time is over are forgotten."""
        self._connection.write_best_effort("DELETE FROM grants WHERE expires_at <= ?", (now,))
        values = (grant.grant_id, user_id, grant.kind.value, grant.code, grant.expires_at)
        self._connection.write_best_effort("INSERT INTO grants VALUES (?, ?, ?, ?, ?)", values)

    # -- devices

    def devices(self, user_id: str) -> list[StoredDevice]:
        """An account's devices that are let in, oldest first."""
        return self._select("user_id = ? AND revoked_at IS NULL ORDER BY created_at", user_id)

    def count(self, user_id: str) -> int:
        """How many devices are let in."""
        query = "SELECT count(*) FROM devices WHERE user_id = ? AND revoked_at IS NULL"
        return int(self._connection.execute(query, (user_id,)).fetchone()[0])

    def device(self, user_id: str, device_id: str) -> StoredDevice | None:
        """A device of an account, revoked or not."""
        return next(iter(self._select("user_id = ? AND device_id = ?", user_id, device_id)), None)

    def by_token(self, token_id: str) -> StoredDevice | None:
        """The device that holds a token, revoked or not."""
        return next(iter(self._select("token_id = ?", token_id)), None)

    def _select(self, condition: str, *arguments: str) -> list[StoredDevice]:
        query = f"SELECT {_COLUMNS} FROM devices WHERE {condition}"  # noqa: S608 - both are constants of this module
        return [_device(row) for row in self._connection.execute(query, arguments)]

    def put(self, device: StoredDevice) -> None:
        """Let a device in; what was known of the same id is replaced, and the invitation that it came by is used up."""
        with self._connection:
            self._connection.execute(_PUT, _values(device))
            self._connection.execute("DELETE FROM grants WHERE grant_id = ?", (device.token_id,))

    def put_best_effort(self, device: StoredDevice) -> None:
        """Let a device in, also while that can't be kept."""
        self._connection.write_best_effort(_PUT, _values(device))

    def record_sign_in(self, user_id: str, device_id: str, name: str, public_key: str, now: float) -> None:
        """Note that a device came in, and what it says of itself. A full disk keeps nobody out."""
        self._connection.write_best_effort(
            "UPDATE devices SET name = ?, public_key = ?, last_seen = ? WHERE user_id = ? AND device_id = ?",
            (name, public_key, now, user_id, device_id),
        )

    def record_connected(self, user_id: str, device_id: str, now: float) -> None:
        """Note that a device is connected, or was until now."""
        self._connection.write_best_effort(
            "UPDATE devices SET last_seen = ? WHERE user_id = ? AND device_id = ?", (now, user_id, device_id)
        )

    def revoke(self, user_id: str, device_id: str, now: float, keep: int) -> bool:
        """Shut a device out, also while that can't be kept; False when it is not one that was let in.

        Of the revoked ones only the `keep` newest are kept.
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
        """An account's settings: the JSON of an object."""
        row = self._connection.execute("SELECT json FROM settings WHERE user_id = ?", (user_id,)).fetchone()
        return str(row[0]) if row else "{}"

    def put_settings(self, user_id: str, json: str) -> None:
        """Replace an account's settings."""
        with self._connection:
            self._connection.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (user_id, json))


def _values(device: StoredDevice) -> tuple[object, ...]:
    """What the row of a device has. The kind is a plain string for SQLite."""
    return tuple(str(value) if isinstance(value, ClientKind) else value for value in _fields(device))


def _fields(device: StoredDevice) -> Iterator[object]:
    return (getattr(device, column) for column in _COLUMNS.split(", "))


def _device(row: tuple[object, ...]) -> StoredDevice:
    user_id, device_id, type_, kind, *rest = row
    return StoredDevice(user_id, device_id, type_, ClientKind(kind), *rest)  # type: ignore[arg-type]
