"""Two phones at a time, where the limit allows it: each has its own session with its own tabs, output and screens."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from soak.phone.interface import PhoneInterface
from tests.support.agent import RunningAgent, serving
from tests.support.agent_status import answers, asked
from tests.support.connected import both_paths
from tests.support.sealed import invited_phone


@asynccontextmanager
async def an_agent_for(directory: Path, sessions: int, *options: str) -> AsyncIterator[RunningAgent]:
    config = directory / "settings" / "mobifai" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f"[limits]\nsessions = {sessions}\n")
    environment = {"XDG_CONFIG_HOME": str(directory / "settings")}
    async with serving(directory / "state", *options, environment=environment) as agent:
        yield agent


@asynccontextmanager
async def two_phones(agent: RunningAgent, *, channel: bool) -> AsyncIterator[tuple[PhoneInterface, PhoneInterface]]:
    async with AsyncExitStack() as scope:
        first, second = [
            await scope.enter_async_context(invited_phone(agent, webrtc=channel, name=name))
            for name in ("first", "second")
        ]
        for phone in (first, second):
            await phone.connect()
            await phone.pair(agent.device_id)
            if channel:
                await phone.channel_open()
        yield first, second


@both_paths
async def test_two_phones_work_each_in_its_own_tab(tmp_path: Path, channel: bool) -> None:
    async with an_agent_for(tmp_path, 2) as agent, two_phones(agent, channel=channel) as (first, second):
        mine, yours = await first.create(), await second.create()
        for phone, terminal in ((first, mine), (second, yours)):
            await answers(phone, terminal)
        await first.expect("process:created", lambda payload: payload["uuid"] == yours)
        assert first.output(yours) == second.output(mine) == ""
        assert len((await asked(agent))["terminals"]) == 2


@both_paths
async def test_both_see_all_of_a_tab_that_both_show_and_a_screen_of_what_was_before(
    tmp_path: Path, channel: bool
) -> None:
    async with an_agent_for(tmp_path, 2) as agent, two_phones(agent, channel=channel) as (first, second):
        terminal = await first.create()
        await first.type(terminal, "echo $((40 + 2))before\r")
        await first.wait_output(terminal, "42before")
        await second.switch(terminal)
        await second.wait_output(terminal, "42before")
        await second.type(terminal, "seq 20000; echo $((40 + 2))after\r")
        for phone in (first, second):
            await phone.wait_output(terminal, "42after")
            assert "\r\n".join(map(str, range(1, 20001))) in phone.output(terminal)


@both_paths
async def test_one_that_leaves_takes_nothing_from_the_other(tmp_path: Path, channel: bool) -> None:
    async with an_agent_for(tmp_path, 2) as agent, two_phones(agent, channel=channel) as (first, second):
        terminal = await second.create()
        await first.vanish()
        await answers(second, terminal)


async def test_a_prompt_without_a_tab_is_for_the_one_that_its_phone_shows(tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text(json.dumps([[{"type": "message", "text": "Done."}]]))
    async with (
        an_agent_for(tmp_path, 2, "--model", f"scripted:{script}") as agent,
        two_phones(agent, channel=True) as (first, second),
    ):
        mine, yours = await first.create(), await second.create()
        for phone, shown in ((first, mine), (second, yours)):
            await phone.send("ai:prompt", {"prompt": "say that it is done"})
            assert (await phone.expect("ai:finished", lambda payload, tab=shown: payload["uuid"] == tab))[
                "outcome"
            ] == "done"


async def test_with_the_usual_limit_a_second_phone_is_refused(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent, AsyncExitStack() as scope:
        first, second = [await scope.enter_async_context(invited_phone(agent, name=name)) for name in "ab"]
        await first.connect()
        await first.pair(agent.device_id)
        await second.connect()
        with pytest.raises(Exception, match="paired with another phone"):
            await second.pair(agent.device_id)
        await answers(first, await first.create())
