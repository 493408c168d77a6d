"""The product never writes through symbolic links that somebody plants in place of its files."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.agent import serving
from tests.support.agent_status import relay_stage

PROCESSES = 3000
"""The number of future process ids to guess."""


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[Path]:
    """A file that must not change."""
    file = tmp_path / "victim"
    file.write_text("precious")
    file.chmod(0o640)
    yield file
    assert file.read_text() == "precious"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def plant(folder: Path, victim: Path, *forms: str) -> None:
    """Create links to the victim. `*` stands for every process id that may come next."""
    for form in forms:
        numbers = range(os.getpid() + 1, os.getpid() + PROCESSES) if "*" in form else [0]
        for number in numbers:
            (folder / form.replace("*", str(number))).symlink_to(victim)


async def test_a_ready_file_in_a_folder_of_others_is_not_written_through_a_link(tmp_path: Path, victim: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o777)
    plant(shared, victim, ".ready.json.*", "ready.json.*", ".ready.json.tmp", "ready.json.new")
    async with serving(tmp_path / "state", ready_file=shared / "ready.json") as agent:
        assert not agent.ready_file.is_symlink()
        assert agent.ready["device_id"]
        assert await agent.stop() == 0


async def test_a_link_in_the_place_of_the_ready_file_is_replaced(tmp_path: Path, victim: Path) -> None:
    (tmp_path / "state-ready.json").symlink_to(victim)
    async with serving(tmp_path / "state") as agent:
        assert not agent.ready_file.is_symlink()
        assert await agent.stop() == 0


async def test_nothing_in_the_state_directory_is_written_through_a_link(tmp_path: Path, victim: Path) -> None:
    state = tmp_path / "state"
    (state / "logs").mkdir(parents=True, mode=0o700)
    state.chmod(0o700)
    drafts = [f".{name}.*" for name in ("device.json", "e2e.json", "phones.json", "tokens.json", "relay.key")]
    plant(state, victim, *drafts, "relay.key.*.new", "lock", "control.sock", "keeper.sock")
    plant(state / "logs", victim, "mobifai.log", "mobifai.log.1", "mobifai.log.2")
    async with serving(state) as agent:
        assert await relay_stage(agent) == "waiting"
        assert "mobifai.log can't be written" in agent.log.read_text()
        assert await agent.stop() == 0
