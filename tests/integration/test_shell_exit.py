"""The last output and the exit status of a shell that has ended stay until its tab is closed."""

import os
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from mobifai.protocol.features import EXITS
from soak.phone.interface import PhoneInterface
from soak.phone.offsets import FEATURES
from tests.support.agent import RunningAgent, serving
from tests.support.agent_status import answers, asked, get_in_again, status_when
from tests.support.connected import connected_phone

modes = pytest.mark.parametrize("options", [(), ("--no-keeper",)], ids=["keeper", "no keeper"])

SEES_EXITS = (*FEATURES, EXITS)


async def a_phone(
    scope: AsyncExitStack, agent: RunningAgent, features: tuple[str, ...] = SEES_EXITS, *, channel: bool = True
) -> PhoneInterface:
    return await scope.enter_async_context(connected_phone(agent, channel=channel, features=features))


@modes
@pytest.mark.parametrize(
    ("script", "ends", "words"),
    [
        ("echo last words; exit 3", {"status": 3}, "exited with status 3"),
        ("echo last words", {"status": 0}, "exited with status 0"),
        ("echo last words; kill -KILL $$", {"signal": "SIGKILL"}, "ended by SIGKILL"),
    ],
    ids=["a status", "status 0", "a signal"],
)
async def test_a_shell_that_ends_immediately_leaves_its_last_output_and_its_status(
    tmp_path: Path, options: tuple[str, ...], script: str, ends: dict[str, object], words: str
) -> None:
    async with AsyncExitStack() as scope:
        agent = await scope.enter_async_context(serving(tmp_path / "state", "--shell", f"sh -c '{script}'", *options))
        phone = await a_phone(scope, agent)
        terminal = await phone.create(name="short")
        exited = await phone.expect("process:exited", lambda payload: payload["uuid"] == terminal)
        assert exited == {"uuid": terminal, "exited": ends, "kept": True}
        await phone.wait_output(terminal, "last words")
        (listed,) = (await asked(agent))["terminals"]
        assert listed["exited"] == ends
        assert words in await agent.command("status")
        await phone.leave()
        again = await a_phone(scope, agent)
        sync = await again.expect("processes:sync")
        assert [process["exited"] for process in sync["processes"]] == [ends]
        await again.switch(terminal)
        await again.wait_output(terminal, "last words")
        await again.terminate(terminal)
        assert (await asked(agent))["terminals"] == []


async def test_it_stays_when_the_agent_is_replaced_and_goes_with_a_cold_start(tmp_path: Path) -> None:
    async with AsyncExitStack() as scope:
        async with serving(tmp_path / "state") as agent:
            phone = await a_phone(scope, agent)
            terminal, other = await phone.create(name="ended"), await phone.create(name="runs")
            await phone.type(terminal, "echo last-$((1+1))-words; exit 3\r")
            await phone.expect("process:exited", lambda payload: payload["uuid"] == terminal)
            before = (await asked(agent))["agent_pid"]
            os.kill(before, signal.SIGKILL)
            await status_when(agent, lambda status: status.get("agent_pid") not in (before, None), "a new agent")
            await status_when(
                agent, lambda status: any(one.get("exited") for one in status["terminals"]), "the ended terminal"
            )
            away = phone.mark()
            await get_in_again(phone, agent, channel=True)
            sync = await phone.expect("processes:sync", since=away)
            assert [(one["name"], one.get("exited")) for one in sync["processes"]] == [
                ("ended", {"status": 3}),
                ("runs", None),
            ]
            await phone.switch(terminal)
            await phone.wait_output(terminal, "last-2-words")
            assert await agent.stop() == 0
        again = await scope.enter_async_context(serving(tmp_path / "state"))
        assert [one["uuid"] for one in (await asked(again))["terminals"]] == [other]


async def test_exit_closes_the_tab_and_legacy_apps_see_what_they_always_saw(tmp_path: Path) -> None:
    async with AsyncExitStack() as scope:
        agent = await scope.enter_async_context(serving(tmp_path / "state"))
        phone = await a_phone(scope, agent)
        terminal = await phone.create()
        await answers(phone, terminal)
        await phone.type(terminal, "exit\r")
        exited = await phone.expect("process:exited", lambda payload: payload["uuid"] == terminal)
        assert exited == {"uuid": terminal, "exited": {"status": 0}}
        ended = await phone.create()
        await phone.type(ended, "exit 3\r")
        await phone.expect("process:exited", lambda payload: payload["uuid"] == ended)
        await phone.leave()
        legacy = await a_phone(scope, agent, ())
        sync = await legacy.expect("processes:sync")
        assert sync == {"processes": [], "activeUuids": []}
        third = await legacy.create()
        await legacy.type(third, "exit 3\r")
        assert await legacy.expect("process:exited") == {"uuid": third}
        assert [one["uuid"] for one in (await asked(agent))["terminals"]] == [ended]


async def test_ended_tabs_make_way_for_new_ones(tmp_path: Path) -> None:
    config = tmp_path / "settings" / "mobifai" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("[limits]\nterminals = 2\n")
    async with AsyncExitStack() as scope:
        environment = {"XDG_CONFIG_HOME": str(tmp_path / "settings")}
        agent = await scope.enter_async_context(serving(tmp_path / "state", environment=environment))
        phone = await a_phone(scope, agent)
        first, second = await phone.create(), await phone.create()
        await phone.type(first, "exit 3\r")
        await phone.expect("process:exited", lambda payload: payload["uuid"] == first)
        third = await phone.create()
        assert await phone.expect("process:terminated") == {"uuid": first}
        assert {one["uuid"] for one in (await asked(agent))["terminals"]} == {second, third}
        await answers(phone, third)
