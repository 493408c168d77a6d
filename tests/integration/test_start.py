"""The imports of a start: no module is loaded before a phone pairs or an option needs it.

Also the first agent's process.
"""

import fcntl
import re
import sys
from pathlib import Path

import psutil
import pytest

from tests.support.agent import RunningAgent, serving
from tests.support.agent_status import asked

LATER = {
    "aiohttp",
    "anthropic",
    "av",
    "aioice",
    "aiortc",
    "cryptography",
    "engineio",
    "httpx2",
    "importlib.metadata",
    "jwt",
    "memray",
    "prometheus_client",
    "psutil",
    "pylibsrtp",
    "rich",
    "socketio",
}
"""Modules that are needed only when a phone connects, when a model is used, or for other commands and options."""

IMPORT_TIME = {"PYTHONPROFILEIMPORTTIME": "1"}

linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the first life is a program of its own")


def imported(log: Path) -> set[str]:
    """The modules, and what they are in, of which the processes of an agent said that they import them."""
    names = re.findall(r"^import time:[^|]*\|[^|]*\|\s+(\S+)$", log.read_text(), re.MULTILINE)
    return {name for full in names for name in (full, full.partition(".")[0])}


def agents(agent: RunningAgent) -> list[psutil.Process]:
    return psutil.Process(agent.process.pid).children()


async def test_what_is_needed_later_is_imported_later(tmp_path: Path) -> None:
    async with serving(tmp_path / "state"):
        pass  # creates this machine's key, which needs cryptography
    (tmp_path / "state.log").unlink()
    async with serving(tmp_path / "state", environment=IMPORT_TIME) as agent:
        found = imported(agent.log)
        assert {"mobifai.cli.agent_process", "mobifai.relay.server", "mobifai.terminals.keeper_protocol"} <= found
        assert found & LATER == set()


@linux
async def test_the_library_that_made_the_key_is_not_kept(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        (only,) = agents(agent)
        assert not [one.path for one in only.memory_maps() if "cryptography" in one.path]


@linux
async def test_the_first_life_has_nothing_of_the_keepers(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        (only,) = agents(agent)
        held = {str(link.readlink()) for link in Path(f"/proc/{only.pid}/fd").iterdir()}
        assert str(tmp_path / "state" / "lock") not in held
        with (tmp_path / "state" / "lock").open() as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


@linux
async def test_the_keeper_has_nothing_of_the_agents(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        keeper = psutil.Process(agent.process.pid)
        libraries = {Path(one.path).name.partition(".")[0] for one in keeper.memory_maps()}
        assert not libraries & {"_core", "loop", "_http_parser", "_sqlite3", "_ssl", "_hashlib", "_msgspec_core"}
        assert keeper.memory_info().rss < psutil.Process(agents(agent)[0].pid).memory_info().rss / 2
        assert await asked(agent, "status")
