"""The agent dies during output, and nothing is lost: terminals, screens, numbers, the phone."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from soak.phone.interface import PhoneInterface
from tests.integration.counting import numbers, start_counting, stop_counting
from tests.support.agent import RunningAgent, run_command, serving
from tests.support.agent_status import get_in_again
from tests.support.connected import both_paths, connected_phone
from tests.support.eventually import eventually, patience
from tests.support.phones import Kind, phone_kinds

BASH = ("--shell", "/bin/bash --norc")
"""A shell that passes SIGHUP on to its jobs, as dash does not."""


async def come_back(phone: PhoneInterface, agent: RunningAgent, *, channel: bool, active: str) -> None:
    """Reconnect, and show the earlier tab again."""
    away = phone.mark()
    await get_in_again(phone, agent, channel=channel)
    await phone.expect("processes:sync", since=away)
    await phone.switch(active)


def assert_none_missing(received: list[int]) -> None:
    """Check that no number up to the last is missing. A screen that is shown again may repeat some."""
    assert received
    missing = set(range(1, max(received) + 1)) - set(received)
    assert not missing, f"{len(missing)} missing, first {min(missing)}"


async def gone(pid: int) -> None:
    await eventually(lambda: not psutil.pid_exists(pid))


@pytest.mark.extended
@phone_kinds
@both_paths
@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL], ids=["SIGSEGV", "SIGKILL"])
async def test_a_program_that_counts_aloud_through_a_crash_misses_no_number(
    tmp_path: Path, kind: Kind, channel: bool, number: int
) -> None:
    async with serving(tmp_path / "state") as agent:
        async with connected_phone(agent, kind, channel=channel) as phone:
            terminal = await phone.create()
            other = await phone.create(name="other")
            await phone.type(other, "echo kept-$((40+2))\r")
            await phone.wait_output(other, "kept-42")
            await phone.switch(terminal)
            await start_counting(phone, terminal, tmp_path)
            received: list[int] = []
            for _ in range(2):
                await phone.wait_output(terminal, lambda text: len(numbers(text)) > 500)
                before = (await agent.status())["agent_pid"]
                os.kill(before, number)
                await gone(before)
                received += numbers(phone.output(terminal))
                await come_back(phone, agent, channel=channel, active=terminal)
                assert (await agent.status())["agent_pid"] != before
            await phone.wait_output(terminal, lambda text: len(numbers(text)) > 500)
            received += await stop_counting(phone, terminal)
            assert_none_missing(received)
            await phone.switch(other)
            await phone.wait_output(other, "kept-42")  # the screen of the other tab is unchanged


async def test_a_phone_is_back_within_five_seconds_of_a_crash(tmp_path: Path) -> None:
    began = time.monotonic()
    async with serving(tmp_path / "state") as agent:
        async with connected_phone(agent) as phone:
            seconds = patience(5, time.monotonic() - began)  # a start and a connection, as after a crash
            terminal = await phone.create()
            os.kill((await agent.status())["agent_pid"], signal.SIGKILL)
            async with asyncio.timeout(seconds):
                await come_back(phone, agent, channel=True, active=terminal)
                await phone.type(terminal, "echo back-$((1+1))\r")
                await phone.wait_output(terminal, "back-2")


async def test_a_restart_on_purpose_keeps_everything(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        async with connected_phone(agent) as phone:
            terminal = await phone.create()
            await phone.type(terminal, "X=still-here; echo ready-$((1+1))\r")
            await phone.wait_output(terminal, "ready-2")
            before = await agent.status()
            await agent.command("restart")
            await eventually(lambda: not psutil.pid_exists(before["agent_pid"]))
            await come_back(phone, agent, channel=True, active=terminal)
            await phone.type(terminal, "echo $X-$$\r")
            await phone.wait_output(terminal, f"still-here-{before['terminals'][0]['pid']}")
            after = await agent.status()
            assert after["keeper_pid"] == before["keeper_pid"]
            assert after["relay_url"] == before["relay_url"]


@pytest.mark.extended
@pytest.mark.parametrize("fault", ["hangs", "has lost its socket"])
async def test_a_restart_replaces_an_agent_that_does_not_answer(tmp_path: Path, fault: str) -> None:
    async with serving(tmp_path / "state") as agent:
        before = (await agent.status())["agent_pid"]
        if fault == "hangs":
            os.kill(before, signal.SIGSTOP)
        else:
            (agent.state_dir / "control.sock").unlink()
        assert "not answering" in await agent.command("status")
        await agent.command("restart")
        await gone(before)
        await eventually((agent.state_dir / "control.sock").exists)
        after = await agent.status()
        assert after["agent_pid"] != before


@pytest.mark.extended
async def test_shells_of_a_keeper_with_smaller_rings_run_on_after_a_restart(tmp_path: Path) -> None:
    config = tmp_path / "settings" / "mobifai" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('[limits]\n"terminal.ring" = 100_000\n')
    async with serving(tmp_path / "state", environment={"XDG_CONFIG_HOME": str(tmp_path / "settings")}) as agent:
        async with connected_phone(agent) as phone:
            terminal = await phone.create()
            await phone.type(terminal, "echo ready-$((1+1))\r")
            await phone.wait_output(terminal, "ready-2")
            before = await agent.status()
            config.write_text("")
            await agent.command("restart")
            await eventually(lambda: not psutil.pid_exists(before["agent_pid"]))
            await come_back(phone, agent, channel=True, active=terminal)
            await phone.type(terminal, "seq 100000; echo all-$((1+1))\r")
            await phone.wait_output(terminal, "all-2", timeout=30)


@pytest.mark.extended
async def test_a_shell_that_ends_without_an_agent_is_reported_later_with_its_last_output(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        async with connected_phone(agent) as phone:
            terminal, flag = await phone.create(), tmp_path / "flag"
            await phone.type(terminal, f"while [ ! -e {flag} ]; do :; done; echo last-$((1+1))-words; exit\r")
            await phone.wait_output(terminal, "do :; done")
            status = await agent.status()
            os.kill(status["agent_pid"], signal.SIGSTOP)  # so that it does not notice the end
            flag.touch()
            await eventually(lambda: not runs(status["terminals"][0]["pid"]))
            os.kill(status["agent_pid"], signal.SIGKILL)
            away = phone.mark()
            await come_back(phone, agent, channel=True, active=terminal)
            await phone.expect("process:exited", lambda payload: payload["uuid"] == terminal, since=away)
            assert (await agent.status())["terminals"] == []


def runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def test_a_keeper_that_dies_leaves_no_orphan(tmp_path: Path) -> None:
    async with serving(tmp_path / "state", *BASH) as agent:
        async with connected_phone(agent) as phone:
            terminal = await phone.create()
            await phone.type(terminal, "sh -c 'sleep 1000; :' & echo started-$((1+1))\r")
            await phone.wait_output(terminal, "started-2")
            status = await agent.status()
            shell = psutil.Process(status["terminals"][0]["pid"])
            family = [shell, *shell.children(recursive=True)]
            assert len(family) >= 3
            os.kill(status["keeper_pid"], signal.SIGKILL)
            await eventually(lambda: not any(runs(one.pid) for one in family))
            await eventually(lambda: not runs(status["agent_pid"]))
        await agent.process.wait()


async def test_the_keeper_is_small_and_never_on_the_network(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        async with connected_phone(agent) as phone:
            for _ in range(5):
                await phone.create()
            keeper = psutil.Process((await agent.status())["keeper_pid"])
            assert keeper.memory_info().rss < 20e6
            assert keeper.net_connections("inet") == []


@pytest.mark.extended
async def test_a_daemon_that_left_its_terminal_lives_on_and_the_rest_does_not(tmp_path: Path) -> None:
    note = tmp_path / "daemon.pid"
    async with serving(tmp_path / "state", *BASH) as agent:
        async with connected_phone(agent) as phone:
            terminal = await phone.create()
            await phone.type(
                terminal, f"setsid sh -c 'echo $$ > {note}; exec sleep 1000' & sleep 1000 & echo on-$((1+1))\r"
            )
            await phone.wait_output(terminal, "on-2")
            await eventually(lambda: note.exists() and note.read_text().strip())
            daemon = psutil.Process(int(note.read_text()))
            shell = psutil.Process((await agent.status())["terminals"][0]["pid"])
            rest = [one for one in shell.children(recursive=True) if one.pid != daemon.pid]
            assert await agent.stop() == 0
    try:
        assert not any(runs(one.pid) for one in (shell, *rest))
        assert runs(daemon.pid)
    finally:
        daemon.kill()
        await eventually(lambda: not runs(daemon.pid))


@pytest.mark.extended
@pytest.mark.timeout(400)
async def test_an_agent_that_always_dies_is_started_again_for_as_long_as_it_takes(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        async with connected_phone(agent) as phone:
            await phone.create()
            shell = (await agent.status())["terminals"][0]["pid"]
            for _ in range(9):
                previous = await agent_pid(agent)
                os.kill(previous, signal.SIGKILL)
                await until_other_agent(agent, previous)
            await come_back(phone, agent, channel=True, active=(await agent.status())["terminals"][0]["uuid"])
            assert [one["pid"] for one in (await agent.status())["terminals"]] == [shell]


async def agent_pid(agent: RunningAgent) -> int:
    """Return the agent's process id, also while the keeper answers instead."""
    while True:
        pid = (await agent.status())["agent_pid"]
        if pid is not None:
            return int(pid)


async def until_other_agent(agent: RunningAgent, previous: int) -> None:
    """Wait for the next agent's process, which `mobifai restart` starts immediately."""
    async with asyncio.timeout(60):
        while (await agent.status())["agent_pid"] in (None, previous):
            await agent.command("restart")


@dataclass
class Broken:
    """An agent with a shell that can't start again."""

    agent: RunningAgent
    phone: PhoneInterface
    terminal: str
    shell: int
    flag: Path
    repair: Callable[[], object]


@asynccontextmanager
async def broken(folder: Path) -> AsyncIterator[Broken]:
    """Run an agent, break its settings file, and kill the agent."""
    settings, flag = folder / "settings" / "mobifai" / "config.toml", folder / "flag"
    settings.parent.mkdir(parents=True)
    settings.write_text("")
    async with serving(folder / "state", environment={"XDG_CONFIG_HOME": str(folder / "settings")}) as agent:
        async with connected_phone(agent) as phone:
            terminal = await phone.create(name="precious")
            await phone.type(terminal, f"while [ ! -e {flag} ]; do :; done; echo printed-$((1+1))\r")
            await phone.wait_output(terminal, "do :; done")
            status = await agent.status()
            settings.write_text("port = 'none'")
            os.kill(status["agent_pid"], signal.SIGKILL)
            shell = status["terminals"][0]["pid"]
            yield Broken(agent, phone, terminal, shell, flag, lambda: settings.write_text(""))


async def until_said(agent: RunningAgent, *texts: str) -> str:
    """Wait until `mobifai status` prints all of these texts, and return its output."""
    said = await agent.command("status")
    async with asyncio.timeout(20):
        while not all(text in said for text in texts):
            await asyncio.sleep(0.05)
            said = await agent.command("status")
    return said


@pytest.mark.extended
async def test_an_agent_that_cannot_start_costs_no_shell_and_both_logs_say_why(tmp_path: Path) -> None:
    async with broken(tmp_path) as it:
        # Between two tries; during one it says that the agent is starting.
        status = await until_said(it.agent, "port: expected a whole number", "mobifai doctor")
        assert "The agent does not serve" in status
        assert "precious" in status
        assert "mobifai restart" in status
        for log in (it.agent.log, it.agent.state_dir / "logs" / "mobifai.log"):
            assert "port: expected a whole number; found 'none'" in log.read_text()
            assert "every terminal is kept" in log.read_text()
        code, _, err = await run_command("pair", "--state-dir", str(it.agent.state_dir))
        assert code == 1
        assert "the agent does not run" in err
        assert runs(it.shell)
        it.flag.touch()  # it prints while no agent reads
        it.repair()
        await it.agent.command("restart")
        await come_back(it.phone, it.agent, channel=True, active=it.terminal)
        await it.phone.wait_output(it.terminal, "printed-2")
        assert [one["pid"] for one in (await it.agent.status())["terminals"]] == [it.shell]
        assert "the agent serves again" in it.agent.log.read_text()


@pytest.mark.extended
async def test_a_stop_while_the_agent_cannot_start_ends_everything(tmp_path: Path) -> None:
    async with broken(tmp_path) as it:
        await until_said(it.agent, "port: expected a whole number")
        assert await it.agent.stop() == 0
        assert not runs(it.shell)


@pytest.mark.extended
async def test_an_agent_that_is_stopped_alone_is_replaced(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        async with connected_phone(agent) as phone:
            terminal = await phone.create()
            before = await agent.status()
            os.kill(before["agent_pid"], signal.SIGTERM)
            await gone(before["agent_pid"])
            await come_back(phone, agent, channel=True, active=terminal)
            assert (await agent.status())["terminals"][0]["pid"] == before["terminals"][0]["pid"]


@pytest.mark.extended
@pytest.mark.parametrize("what", ["garbage", "removed"])
async def test_shells_whose_tabs_are_lost_on_disk_keep_their_names(tmp_path: Path, what: str) -> None:
    async with serving(tmp_path / "state") as agent:
        async with connected_phone(agent) as phone:
            first, second = await phone.create(name="one"), await phone.create(name="other")
            await phone.rename(second, "two")
            before = await agent.status()
            os.kill(before["agent_pid"], signal.SIGSTOP)
            for file in agent.state_dir.glob("tabs.sqlite*"):
                file.unlink()
            if what == "garbage":
                (agent.state_dir / "tabs.sqlite").write_bytes(b"no database " * 1000)
            os.kill(before["agent_pid"], signal.SIGKILL)
            await come_back(phone, agent, channel=True, active=first)
            known = {one["uuid"]: (one["name"], one["pid"]) for one in (await agent.status())["terminals"]}
            pids = {one["uuid"]: one["pid"] for one in before["terminals"]}
            assert known == {first: ("one", pids[first]), second: ("two", pids[second])}
