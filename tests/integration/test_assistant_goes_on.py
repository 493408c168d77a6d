"""A conversation with the assistant outlives the phone that began it. Any later phone receives its state."""

import os
import signal
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import psutil
import pytest

from soak.phone.interface import PhoneInterface
from tests.integration.test_assistant import LOOK, script
from tests.support.agent import RunningAgent, serving
from tests.support.agent_status import get_in_again
from tests.support.connected import both_paths, connected_phone
from tests.support.eventually import eventually
from tests.support.phones import open_phone

pytestmark = pytest.mark.extended

BASH = ("--shell", "/bin/bash --norc")

RISKY = [{"type": "keystroke", "text": "rm -f /tmp/there-is-no-such-file; echo do''ne\n"}, LOOK]
SAY = [{"type": "message", "text": "All is well."}]
WAIT = {"type": "delay", "ms": 10_000}


def follower(agent: RunningAgent, *, channel: bool = False) -> AbstractAsyncContextManager[PhoneInterface]:
    """Pair a phone that follows the assistant."""
    return connected_phone(agent, channel=channel, encrypted=True, features=("assistant",))


async def history(phone: PhoneInterface, uuid: str, since: int = 0) -> dict[str, Any]:
    return dict(await phone.expect("ai:history", lambda received: received["uuid"] == uuid, since=since))


@both_paths
async def test_another_phone_finds_the_approval_and_the_steps(tmp_path: Path, channel: bool) -> None:
    model = script(tmp_path / "script.json", [{"type": "message", "text": "I begin."}, *RISKY], SAY)
    async with serving(tmp_path / "state", "--model", model, *BASH) as agent:
        async with follower(agent, channel=channel) as first:
            terminal = await first.create()
            await first.send("ai:prompt", {"prompt": "make it so", "uuid": terminal})
            asked = await first.expect("ai:approval")
            await first.vanish()
        async with follower(agent, channel=channel) as second:
            assert (await second.expect("ai:conversations"))["running"] == [terminal]
            received = await history(second, terminal)
            assert (received["prompt"], received["running"]) == ("make it so", True)
            assert received["events"][0]["payload"]["text"] == "I begin."
            again = await second.expect("ai:approval")
            assert again["id"] == asked["id"]
            assert again["actions"] == asked["actions"]
            assert 0 < again["seconds"] < asked["seconds"]
            await second.send("ai:approve", {"id": again["id"], "ok": True})
            assert (await second.expect("ai:answered"))["ok"] is True
            await second.switch(terminal)
            await second.wait_output(terminal, "\rdone")
            await second.expect("ai:finished")


@both_paths
async def test_the_same_phone_is_away_for_a_moment_and_sees_what_it_missed(tmp_path: Path, channel: bool) -> None:
    steps = [
        [{"type": "message", "text": f"step {number}"}, {"type": "delay", "ms": 150}, LOOK] for number in range(12)
    ]
    model = script(tmp_path / "script.json", *steps, SAY)
    async with serving(tmp_path / "state", "--model", model, *BASH) as agent, follower(agent, channel=channel) as phone:
        terminal = await phone.create()
        await phone.send("ai:prompt", {"prompt": "go on", "uuid": terminal})
        await phone.expect("ai:message")
        away = phone.mark()
        await get_in_again(phone, agent, channel=channel)
        received = await history(phone, terminal, away)
        assert received["events"][0]["payload"]["text"] == "step 0"
        finished = await phone.expect("ai:finished", since=away, timeout=30)
        assert finished["turns"] == 13
        again = phone.mark()
        await get_in_again(phone, agent, channel=channel)
        whole = await history(phone, terminal, again)
        said = [event["payload"]["text"] for event in whole["events"] if event["type"] == "ai:message"]
        assert said == [*(f"step {number}" for number in range(12)), "All is well."]
        assert whole["running"] is False


async def test_a_legacy_app_that_comes_later_receives_nothing(tmp_path: Path) -> None:
    model = script(tmp_path / "script.json", RISKY, SAY)
    async with serving(tmp_path / "state", "--model", model, *BASH) as agent:
        async with follower(agent) as first:
            terminal = await first.create()
            await first.send("ai:prompt", {"prompt": "make it so", "uuid": terminal})
            await first.expect("ai:approval")
            await first.leave()
        invitation = await agent.invite_legacy()
        async with open_phone("python", agent.relay_url, invitation["token"]) as app:
            await app.connect()
            await app.pair(agent.device_id)
            await app.switch(terminal)
            await app.type(terminal, "echo he''re\r")
            await app.wait_output(terminal, "\rhere")
            for event in ("started", "action", "message", "approval", "answered", "conversations", "history"):
                assert list(app._log._of(f"ai:{event}", 0)) == []


async def test_a_phone_that_comes_back_learns_that_the_agent_crashed(tmp_path: Path) -> None:
    model = script(tmp_path / "script.json", [WAIT, LOOK])
    async with serving(tmp_path / "state", "--model", model, *BASH) as agent, follower(agent) as phone:
        terminal = await phone.create()
        await phone.send("ai:prompt", {"prompt": "take your time", "uuid": terminal})
        await phone.expect("ai:action")
        before = (await agent.status())["agent_pid"]
        os.kill(before, signal.SIGKILL)
        await eventually(lambda: not psutil.pid_exists(before))
        away = phone.mark()
        await get_in_again(phone, agent, channel=False)
        assert (await phone.expect("ai:conversations", since=away))["running"] == []
        received = await history(phone, terminal, away)
        assert (received["prompt"], received["running"]) == ("take your time", False)
        assert "agent stopped or crashed" in received["events"][-1]["payload"]["error"]
