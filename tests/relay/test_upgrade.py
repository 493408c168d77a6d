"""The relay reads the file of an earlier version: its devices are still admitted, and nothing is lost."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mobifai.problems import Problems
from mobifai.relay.store import FILE, RelayStore
from mobifai.relay.tokens import Tokens, load_secret
from tests.relay.device import Device
from tests.relay.place import Clock, open_place

FIRST_VERSION = """
BEGIN;
CREATE TABLE devices (
  device_id TEXT PRIMARY KEY, user_id TEXT NOT NULL, type TEXT NOT NULL, name TEXT NOT NULL, public_key TEXT NOT NULL,
  token_id TEXT NOT NULL UNIQUE, created_at REAL NOT NULL, last_seen REAL NOT NULL, revoked_at REAL
) STRICT;
CREATE TABLE settings (user_id TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT;
INSERT INTO devices VALUES
  ('agent-1', 'owner', 'mac', 'Laptop', '04', 'jti-agent-1', 1.0, 2.0, NULL),
  ('app-1', 'owner', 'mobile', 'Pixel', '04', 'jti-app-1', 3.0, 4.0, NULL),
  ('page-1', 'owner', 'mobile', 'Page', '04', 'jti-page-1', 5.0, 6.0, NULL),
  ('lost-1', 'owner', 'mobile', 'Lost', '04', 'jti-lost-1', 7.0, 8.0, 9.0);
INSERT INTO settings VALUES ('owner', '{"theme":"dark"}');
PRAGMA user_version = 1;
COMMIT
"""


def first_version(state_dir: Path, more: str = "") -> Path:
    with closing(sqlite3.connect(state_dir / FILE)) as database:
        database.executescript(FIRST_VERSION)
        database.executescript(more)
    return state_dir / FILE


def token(state_dir: Path, device_id: str, kind: Any = "mobile") -> str:
    """The token that a device got from the earlier version."""
    tokens = Tokens(load_secret(state_dir))
    return tokens.issue(user_id="owner", email="", name="", kind=kind, token_id=f"jti-{device_id}", now=Clock()())


def rows(path: Path) -> list[Any]:
    with closing(sqlite3.connect(path)) as database:
        return [*database.execute("SELECT * FROM devices"), *database.execute("PRAGMA user_version")]


async def test_devices_and_settings_of_the_old_format_become_the_owners(tmp_path: Path) -> None:
    first_version(tmp_path)
    async with open_place(tmp_path) as place:
        assert [(one.device_id, one.kind) for one in place.relay.devices()] == [
            ("agent-1", "agent"), ("app-1", ""), ("page-1", ""),
        ]  # fmt: skip
        async with Device("mobile", "app-1", token(tmp_path, "app-1")).connected(place.url) as app:
            await app.sign_in()
            async with place.ask("GET", "/api/settings", str(app.token)) as response:
                assert await response.json() == {"theme": "dark"}
        async with Device("mac", "agent-1", token(tmp_path, "agent-1", "mac")).connected(place.url) as agent:
            await agent.sign_in()
        async with Device("mobile", "lost-1", token(tmp_path, "lost-1")).connected(place.url) as lost:
            await lost.register()
            assert "revoked" in (await lost.hear("auth_error"))["message"]


async def test_an_old_page_that_has_encrypted_once_must_encrypt_from_then_on(tmp_path: Path) -> None:
    first_version(tmp_path)
    async with open_place(tmp_path, shared=False) as place:
        known = place.relay.sign_in.allows_unencrypted
        assert (known("app-1"), known("page-1"), known("lost-1"), known("agent-1"), known("nobody")) == (
            True, True, False, False, False,
        )  # fmt: skip
        async with Device("mobile", "page-1", token(tmp_path, "page-1")).connected(place.url) as page:
            await page.sign_in(features=["e2e"])
            assert not known("page-1")
            await page.register()
            assert "mobifai pair --legacy" in (await page.hear("auth_error"))["message"]


async def test_an_agent_that_signed_in_to_the_relay_of_another_stays_out(tmp_path: Path) -> None:
    """Earlier versions of `mobifai serve` admitted it."""
    first_version(tmp_path)
    async with open_place(tmp_path, shared=False) as place:
        async with Device("mac", "agent-1", token(tmp_path, "agent-1", "mac")).connected(place.url) as agent:
            await agent.register()
            assert "mobifai relay" in (await agent.hear("auth_error"))["message"]
        async with place.ask("GET", "/api/devices", token(tmp_path, "agent-1", "mac")) as response:
            assert response.status == 401


def test_an_upgrade_that_can_not_be_done_now_changes_nothing_and_is_done_later(tmp_path: Path) -> None:
    path, problems = first_version(tmp_path), Problems()
    before = rows(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with RelayStore.open(tmp_path, problems) as store:
            assert len(store.devices("owner")) == 3
            assert "relay.sqlite can't be written" in "".join(problems)
            assert rows(path) == before
            other.execute("ROLLBACK")
            store.put_account("bea", 1.0)
    with RelayStore.open(tmp_path) as store:
        assert len(store.devices("owner")) == 3
        assert store.accounts() == ["owner", "bea"]


@pytest.mark.parametrize(
    "damage",
    ["CREATE TABLE accounts (other TEXT)", "PRAGMA user_version = 2", "PRAGMA user_version = 0"],
)
def test_a_file_that_is_half_of_one_version_and_half_of_another_is_kept_aside(tmp_path: Path, damage: str) -> None:
    path = first_version(tmp_path, damage)
    before = rows(path)
    with RelayStore.open(tmp_path) as store:
        assert store.devices("owner") == []
        assert store.accounts() == ["owner"]
    (kept,) = (one for one in tmp_path.glob(f"{FILE}.kept-*") if not one.name.endswith(("-wal", "-shm")))
    assert rows(kept) == before
