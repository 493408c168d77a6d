"""Names of phones and texts of a relay can neither forge a line nor reverse its characters, wherever they are shown."""

import unicodedata
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from soak.phone.offsets import FEATURES
from tests.support.agent import RunningAgent, serving
from tests.support.agent_status import asked
from tests.support.connected import connected_phone

EVIL = "a\nMobiFai 9.9, process 1\r\x1b]0;t\x07\x9b2J\u202eb\u200b\u2066\u2028c\U000e0041"
"""A forged line, a title, an 8-bit control sequence, characters that reverse a line, and invisible ones."""


def is_neutral(text: str) -> bool:
    return not any(
        unicodedata.category(one) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for one in text.replace("\n", "").replace("\t", "")
    )


@pytest.mark.parametrize("features", [FEATURES, ()], ids=["own phone", "legacy app"])
async def test_names_are_neutral_in_every_output(tmp_path: Path, features: tuple[str, ...]) -> None:
    async with AsyncExitStack() as scope:
        agent = await scope.enter_async_context(serving(tmp_path / "state", "--name", EVIL))
        phone = await scope.enter_async_context(connected_phone(agent, name=EVIL[:90], features=features))
        terminal = await phone.create(name=EVIL)
        renamed = await phone.create(name="x")
        await phone.rename(renamed, EVIL)
        names = [one["name"] for one in (await asked(agent))["terminals"]]
        assert len(names) == 2
        assert all(is_neutral(name) and len(name.splitlines()) == 1 and len(name) <= 100 for name in names)
        for words in (["status"], ["devices", "list"], ["status", "--limits"]):
            out = await agent.command(*words)
            assert is_neutral(out), out
            assert not any(line.startswith("MobiFai 9.9") for line in out.splitlines())
        log = agent.log.read_text() + (agent.state_dir / "logs" / "mobifai.log").read_text()
        assert is_neutral(log)
        assert not any(line.startswith("MobiFai 9.9") for line in log.splitlines())
        await phone.terminate(terminal)


async def test_a_name_of_which_nothing_is_left_is_replaced(tmp_path: Path) -> None:
    async with AsyncExitStack() as scope:
        agent: RunningAgent = await scope.enter_async_context(serving(tmp_path / "state"))
        phone = await scope.enter_async_context(connected_phone(agent))
        await phone.create(name="\u200b\u202e\n")
        assert [one["name"] for one in (await asked(agent))["terminals"]] == ["Tab 1"]
