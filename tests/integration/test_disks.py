"""Disks that are full or can't be written, and state files in any condition: the agent starts, serves, and says so."""

import json
import os
import signal
from pathlib import Path

import psutil
import pytest

from soak.phone.event_log import PhoneError
from tests.integration.relays import relaying
from tests.support.agent import RunningAgent, run_command, serving
from tests.support.agent_status import arrive, get_in_again, status_when
from tests.support.connected import connected_phone
from tests.support.eventually import eventually
from tests.support.phones import open_phone
from tests.support.small_disk import small_disk

pytestmark = pytest.mark.extended


async def refused(agent: RunningAgent) -> str:
    """Invite a phone that cannot be admitted. Return the message that it gets."""
    invitation = await agent.invite_legacy()
    async with open_phone("python", agent.relay_url, invitation["token"]) as phone:
        with pytest.raises(PhoneError) as raised:
            await phone.connect()
    return str(raised.value)


async def let_in(agent: RunningAgent) -> None:
    async with connected_phone(agent) as phone:
        await phone.terminate(await phone.create())


def no_traceback(agent: RunningAgent) -> None:
    assert "Traceback" not in agent.log.read_text()
    log = agent.state_dir / "logs" / "mobifai.log"
    assert not log.exists() or "Traceback" not in log.read_text()


async def test_programs_and_the_agent_live_through_a_restart_on_a_full_disk(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        async with serving(tmp_path / "disk" / "state", ready_file=tmp_path / "ready.json") as agent:
            async with connected_phone(agent) as phone:
                terminal = await phone.create(name="precious")
                await phone.type(terminal, "sleep 777\r")
                before = await agent.status()
                program = psutil.Process(before["terminals"][0]["pid"])
                await eventually(lambda: [one.name() for one in program.children()] == ["sleep"])
                disk.fill()
                await phone.rename(terminal, "renamed")
                later = await phone.create(name="later")
                await phone.switch(terminal)
                await agent.command("restart")
                await status_when(agent, lambda now: now["agent_pid"] != before["agent_pid"], "a new agent")
                await get_in_again(phone, agent, channel=True)
                await phone.terminate(await phone.create())  # functions that need no disk keep working
                await phone.switch(terminal)
                await phone.type(terminal, "\x03echo works-$((1+1))\r")
                await phone.wait_output(terminal, "works-2")
                now = await agent.status()
                assert [(one["uuid"], one["name"]) for one in now["terminals"]] == [
                    (terminal, "renamed"),
                    (later, "later"),
                ]
                assert now["terminals"][0]["pid"] == program.pid
                assert any("relay.sqlite" in problem for problem in now["problems"])
                assert "Problem    " in await agent.command("status")
                assert "free some space" in agent.log.read_text()
                assert "disk" in await refused(agent)
                disk.free()
            await let_in(agent)
            assert not any("relay.sqlite" in problem for problem in (await agent.status())["problems"])
            os.kill((await agent.status())["agent_pid"], signal.SIGKILL)
            await status_when(agent, lambda now: now["agent_pid"] != before["agent_pid"], "a new agent")
            no_traceback(agent)
            assert await agent.stop() == 0


@pytest.mark.parametrize("how", ["full", "read-only"])
@pytest.mark.parametrize("known", [True, False], ids=["known machine", "new machine"])
async def test_it_starts_on_a_disk_that_takes_nothing(tmp_path: Path, how: str, known: bool) -> None:
    with small_disk(tmp_path / "disk") as disk:
        state, ready = tmp_path / "disk" / "state", tmp_path / "ready.json"
        state.mkdir(mode=0o700)
        if known:
            async with serving(state, ready_file=ready) as agent:
                device_id = agent.device_id
                assert await agent.stop() == 0
        disk.fill() if how == "full" else disk.write_protect()
        async with serving(state, ready_file=ready) as agent:
            if known:
                assert agent.device_id == device_id
            assert (await agent.status())["problems"]
            assert "disk" in await refused(agent)
            code, _, err = await run_command("serve", "--port", "0", "--state-dir", str(state))
            assert code == 1
            assert "another mobifai" in err
            no_traceback(agent)
            assert await agent.stop() == 0
        if how == "read-only":
            disk.allow_writing()


async def test_a_relay_alone_starts_on_a_full_disk_and_says_so(tmp_path: Path) -> None:
    """Its output also goes to the full disk."""
    with small_disk(tmp_path / "disk") as disk:
        async with relaying(tmp_path / "disk" / "state") as relay:
            assert await relay.stop() == 0
        disk.fill()
        async with relaying(tmp_path / "disk" / "state") as relay:
            status, out, err = await run_command("status", "--state-dir", str(relay.state_dir))
            assert (status, err) == (0, "")
            assert "free some space" in out
            assert (await relay.invite())["code"]
            assert await relay.stop() in (0, 1)


async def test_an_agent_whose_output_goes_to_a_full_disk_serves(tmp_path: Path) -> None:
    async with serving(tmp_path / "state", output=Path("/dev/full")) as agent:
        before = await agent.status()
        assert before["problems"] == []
        await agent.command("restart")
        await status_when(agent, lambda now: now["agent_pid"] != before["agent_pid"], "the next agent")
        await let_in(agent)
        assert await agent.stop() == 0


async def test_a_phone_is_shut_out_on_a_full_disk_too(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        state = tmp_path / "disk" / "state"
        async with serving(state, ready_file=tmp_path / "ready.json") as agent:
            async with connected_phone(agent, channel=False, encrypted=True) as phone:
                disk.fill()
                code, _, err = await run_command("devices", "revoke", phone.device_id, "--state-dir", str(state))
                assert code == 1
                assert "is revoked now" in err
                await phone.expect("e2e:refused")
                with pytest.raises(PhoneError):
                    await arrive(phone, agent.device_id, channel=False)


FILES = ("device.json", "e2e.json", "tokens.json", "phones.json", "relay.key", "relay.sqlite", "tabs.sqlite")


def spoil(file: Path, damage: str) -> None:
    for beside in (file, file.with_name(f"{file.name}-wal"), file.with_name(f"{file.name}-shm")):
        beside.unlink(missing_ok=True)
    match damage:
        case "empty":
            file.touch()
        case "garbage":
            file.write_bytes(os.urandom(5000))
        case "other JSON":
            file.write_text('{"device_id": 5, "phones": [[]], "private_key": "zz", "public_key": null}')
        case "deep JSON":
            file.write_text("[" * 100_000)
        case "directory":
            (file / "inside").mkdir(parents=True)
        case "fifo":
            os.mkfifo(file)
        case "dangling link":
            file.symlink_to("nowhere")
        case "link to a device":
            file.symlink_to("/dev/full")


@pytest.mark.parametrize(
    "damage",
    ["empty", "garbage", "other JSON", "deep JSON", "directory", "fifo", "dangling link", "link to a device"],
)
async def test_it_starts_and_serves_whatever_its_files_are(tmp_path: Path, damage: str) -> None:
    state = tmp_path / "state"
    async with serving(state) as agent:
        await let_in(agent)
        assert await agent.stop() == 0
    for name in FILES:
        spoil(state / name, damage)
    agent.log.write_text("")
    async with serving(state) as agent:
        no_traceback(agent)
        said = agent.log.read_text() + json.dumps((await agent.status())["problems"])
        if damage not in ("empty", "dangling link"):
            assert all(name in said for name in FILES if name != "tokens.json")
        if damage not in ("directory", "fifo", "link to a device"):
            await let_in(agent)
        assert await agent.stop() == 0


@pytest.mark.parametrize("damage", ["directory", "fifo", "garbage"])
async def test_it_serves_where_its_sockets_its_lock_and_its_log_can_not_be(tmp_path: Path, damage: str) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    for name in ("control.sock", "keeper.sock", "lock", "logs"):
        spoil(state / name, damage)
    async with serving(state) as agent:
        await let_in(agent)
        code, _, err = await run_command("serve", "--port", "0", "--state-dir", str(state))
        assert code == 1
        assert "another mobifai" in err
        no_traceback(agent)
        before = (await agent.status())["agent_pid"]
        os.kill(before, signal.SIGKILL)
        await status_when(agent, lambda now: now["agent_pid"] != before, "the next agent")
        assert await agent.stop() == 0
