"""The agent dies in the midst of output, and nobody loses anything: terminals, screens, numbers, the phone."""

import asyncio
import os
import signal
from pathlib import Path

import psutil
import pytest

from soak.phone_face import PhoneFace
from tests.integration.counting import numbers, start_counting, stop_counting
from tests.integration.insight import get_in_again
from tests.support.agent import RunningAgent, serving
from tests.support.eventually import eventually
from tests.support.phones import Kind, open_phone, phone_kinds

paths = pytest.mark.parametrize("webrtc", [True, False], ids=["channel", "relay"])


async def come_back(phone: PhoneFace, agent: RunningAgent, *, webrtc: bool, active: str) -> None:
    """Get in again, and then show the tab that was shown."""
    away = phone.mark()
    await get_in_again(phone, agent, channel=webrtc)
    await phone.expect("processes:sync", since=away)
    await phone.switch(active)


def assert_none_missing(heard: list[int]) -> None:
    """Each number is there, up to the last; a screen that is shown again may say some twice."""
    assert heard
    missing = set(range(1, max(heard) + 1)) - set(heard)
    assert not missing, f"{len(missing)} missing, first {min(missing)}"


async def gone(pid: int) -> None:
    await eventually(lambda: not psutil.pid_exists(pid))


@phone_kinds
@paths
@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL], ids=["SIGSEGV", "SIGKILL"])
async def test_a_program_that_counts_aloud_through_a_crash_misses_no_number(
    tmp_path: Path, kind: Kind, webrtc: bool, number: int
) -> None:
    async with serving(tmp_path / "state") as agent:
        invitation = await agent.invite()
        async with open_phone(kind, agent.relay_url, invitation["token"], webrtc=webrtc) as phone:
            await phone.connect()
            await phone.pair(agent.device_id)
            if webrtc:
                await phone.channel_open()
            terminal = await phone.create()
            other = await phone.create(name="other")
            await phone.type(other, "echo kept-$((40+2))\r")
            await phone.wait_output(other, "kept-42")
            await phone.switch(terminal)
            await start_counting(phone, terminal, tmp_path)
            heard: list[int] = []
            for _ in range(2):
                await phone.wait_output(terminal, lambda text: len(numbers(text)) > 500)
                before = (await agent.status())["agent_pid"]
                os.kill(before, number)
                await gone(before)
                heard += numbers(phone.output(terminal))
                await come_back(phone, agent, webrtc=webrtc, active=terminal)
                assert (await agent.status())["agent_pid"] != before
            await phone.wait_output(terminal, lambda text: len(numbers(text)) > 500)
            heard += await stop_counting(phone, terminal)
            assert_none_missing(heard)
            await phone.switch(other)
            await phone.wait_output(other, "kept-42")  # the screen of the other tab is as it was


async def test_a_phone_is_back_within_five_seconds_of_a_crash(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        invitation = await agent.invite()
        async with open_phone("python", agent.relay_url, invitation["token"]) as phone:
            await phone.connect()
            await phone.pair(agent.device_id)
            await phone.channel_open()
            terminal = await phone.create()
            os.kill((await agent.status())["agent_pid"], signal.SIGKILL)
            async with asyncio.timeout(5):
                await come_back(phone, agent, webrtc=True, active=terminal)
                await phone.type(terminal, "echo back-$((1+1))\r")
                await phone.wait_output(terminal, "back-2")


async def test_a_restart_on_purpose_keeps_everything(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        invitation = await agent.invite()
        async with open_phone("python", agent.relay_url, invitation["token"]) as phone:
            await phone.connect()
            await phone.pair(agent.device_id)
            terminal = await phone.create()
            await phone.type(terminal, "X=still-here; echo ready-$((1+1))\r")
            await phone.wait_output(terminal, "ready-2")
            before = await agent.status()
            await agent.command("restart")
            await eventually(lambda: not psutil.pid_exists(before["agent_pid"]))
            await come_back(phone, agent, webrtc=True, active=terminal)
            await phone.type(terminal, "echo $X-$$\r")
            await phone.wait_output(terminal, f"still-here-{before['terminals'][0]['pid']}")
            after = await agent.status()
            assert after["keeper_pid"] == before["keeper_pid"]
            assert after["relay_url"] == before["relay_url"]


async def test_shells_of_a_keeper_with_smaller_rings_run_on_after_a_restart(tmp_path: Path) -> None:
    config = tmp_path / "settings" / "mobifai" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('[limits]\n"terminal.ring" = 100_000\n')
    async with serving(tmp_path / "state", environment={"XDG_CONFIG_HOME": str(tmp_path / "settings")}) as agent:
        invitation = await agent.invite()
        async with open_phone("python", agent.relay_url, invitation["token"]) as phone:
            await phone.connect()
            await phone.pair(agent.device_id)
            terminal = await phone.create()
            await phone.type(terminal, "echo ready-$((1+1))\r")
            await phone.wait_output(terminal, "ready-2")
            before = await agent.status()
            config.write_text("")
            await agent.command("restart")
            await eventually(lambda: not psutil.pid_exists(before["agent_pid"]))
            await come_back(phone, agent, webrtc=True, active=terminal)
            await phone.type(terminal, "seq 100000; echo all-$((1+1))\r")
            await phone.wait_output(terminal, "all-2", timeout=30)


async def test_a_shell_that_ends_while_no_agent_is_there_is_told_with_its_last_words(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        invitation = await agent.invite()
        async with open_phone("python", agent.relay_url, invitation["token"]) as phone:
            await phone.connect()
            await phone.pair(agent.device_id)
            terminal, flag = await phone.create(), tmp_path / "flag"
            await phone.type(terminal, f"while [ ! -e {flag} ]; do :; done; echo last-$((1+1))-words; exit\r")
            await phone.wait_output(terminal, "do :; done")
            status = await agent.status()
            os.kill(status["agent_pid"], signal.SIGSTOP)  # so that it sees nothing of the end
            flag.touch()
            await eventually(lambda: not runs(status["terminals"][0]["pid"]))
            os.kill(status["agent_pid"], signal.SIGKILL)
            away = phone.mark()
            await come_back(phone, agent, webrtc=True, active=terminal)
            await phone.expect("process:exited", lambda payload: payload["uuid"] == terminal, since=away)
            assert (await agent.status())["terminals"] == []


def runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def test_a_keeper_that_dies_leaves_no_orphan(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        invitation = await agent.invite()
        async with open_phone("python", agent.relay_url, invitation["token"]) as phone:
            await phone.connect()
            await phone.pair(agent.device_id)
            terminal = await phone.create()
            await phone.type(terminal, "trap '' HUP; sh -c \"trap '' HUP; sleep 1000\" & echo started-$((1+1))\r")
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
        invitation = await agent.invite()
        async with open_phone("python", agent.relay_url, invitation["token"]) as phone:
            await phone.connect()
            await phone.pair(agent.device_id)
            for _ in range(5):
                await phone.create()
            keeper = psutil.Process((await agent.status())["keeper_pid"])
            assert keeper.memory_info().rss < 20e6
            assert keeper.net_connections("inet") == []


async def test_a_daemon_that_left_its_terminal_lives_on_and_the_rest_does_not(tmp_path: Path) -> None:
    note = tmp_path / "daemon.pid"
    async with serving(tmp_path / "state") as agent:
        invitation = await agent.invite()
        async with open_phone("python", agent.relay_url, invitation["token"]) as phone:
            await phone.connect()
            await phone.pair(agent.device_id)
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


async def test_an_agent_that_always_dies_is_given_up_with_a_clear_message(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        for _ in range(8):
            previous = (await agent.status())["agent_pid"]
            agent.ready_file.unlink(missing_ok=True)
            os.kill(previous, signal.SIGKILL)
            await eventually(lambda: agent.ready_file.exists() or agent.process.returncode is not None, 15)
            if agent.process.returncode is not None:
                break
        assert await agent.process.wait() == 1
        assert "giving up" in agent.log.read_text()
