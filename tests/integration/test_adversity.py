"""Damaged files, full disks, no descriptors, invalid settings: each has a clear message, and nothing is lost."""

import os
import resource
import sqlite3
import sys
from pathlib import Path

import psutil
import pytest

from soak.phone.event_log import PhoneError
from tests.support.agent import run_command, serving
from tests.support.connected import connected_phone
from tests.support.phones import open_phone

pytestmark = pytest.mark.extended

linux_limits = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="only Linux sets the limits of a running process"
)


@pytest.mark.parametrize("name", ["tabs.sqlite", "relay.sqlite"])
@pytest.mark.parametrize("damage", ["garbage", "newer"])
async def test_a_damaged_or_newer_database_is_set_aside(tmp_path: Path, name: str, damage: str) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    if damage == "garbage":
        (state / name).write_bytes(b"this is no database " * 500)
    else:
        with sqlite3.connect(state / name) as database:
            database.execute("CREATE TABLE of_tomorrow (x)")
            database.execute("PRAGMA user_version = 99")
        database.close()
    content = (state / name).read_bytes()
    async with serving(state) as agent:
        kept = [file for file in state.glob(f"{name}.kept-*") if not file.name.endswith(("-wal", "-shm"))]
        assert [file.read_bytes() for file in kept] == [content]
        assert "set aside as" in agent.log.read_text()
        async with connected_phone(agent) as phone:
            await phone.create()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ('[limits]\n"terminal.ring" = -5', "found -5"),
        ("[limits]\nterminal.ring = 'much'", "found 'much'"),
        ("[limits]\nterminal.rung = 5", "found 'terminal.rung'"),
        ("limits = 5", "expected a table"),
        ("prot = 80", "found 'prot'"),
        ("port = true", "port: expected a whole number; found True"),
        ("port = ", "expected settings as TOML"),
    ],
)
async def test_nonsense_in_the_settings_is_named(tmp_path: Path, settings: str, expected: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(settings)
    status, _, err = await run_command("--config", str(file), "serve", "--state-dir", str(tmp_path / "state"))
    assert status == 2
    assert expected in err
    assert str(file) in err
    assert "Traceback" not in err


async def test_a_state_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    read_only = [Path("/sys/mobifai")] if Path("/sys").is_dir() else []
    for path in (tmp_path / "file", tmp_path / "file" / "state", *read_only):
        status, _, err = await run_command("serve", "--state-dir", str(path))
        assert status in (1, 2)
        assert str(path) in err
        assert "Traceback" not in err


@linux_limits
async def test_without_descriptors_a_new_terminal_is_refused_and_the_others_live(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        async with connected_phone(agent) as phone:
            first = await phone.create()
            for who in ("agent_pid", "keeper_pid"):
                process = psutil.Process((await agent.status())[who])
                most = process.rlimit(psutil.RLIMIT_NOFILE)
                process.rlimit(psutil.RLIMIT_NOFILE, (3, most[1]))
                with pytest.raises(PhoneError, match=r"descriptor|open files|could not be started"):
                    await phone.create()
                await phone.switch(first)
                await phone.type(first, f"echo alive-$((1+1))-{who}\r")
                await phone.wait_output(first, f"alive-2-{who}")
                process.rlimit(psutil.RLIMIT_NOFILE, most)
                await phone.terminate(await phone.create())
            assert len((await agent.status())["terminals"]) == 1


@linux_limits
async def test_a_full_disk_costs_only_what_would_be_kept(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        async with connected_phone(agent) as phone:
            terminal = await phone.create(name="before")
            process = psutil.Process((await agent.status())["agent_pid"])
            most = process.rlimit(psutil.RLIMIT_FSIZE)
            process.rlimit(psutil.RLIMIT_FSIZE, (64 << 10, most[1]))  # SQLite's log grows soon, this one does not
            for number in range(40):
                await phone.rename(terminal, f"during-{number}")
            await phone.type(terminal, "echo typed-$((1+1))\r")
            await phone.wait_output(terminal, "typed-2")
            process.rlimit(psutil.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            await phone.rename(terminal, "after")
            assert [one["name"] for one in (await agent.status())["terminals"]] == ["after"]
        assert await agent.stop() == 0
        assert agent.log.read_text().count("tabs will be lost on a restart") == 1
    async with serving(tmp_path / "state") as agent:
        assert [one["name"] for one in (await agent.status())["terminals"]] == ["after"]


async def test_a_directory_whose_name_is_no_text_costs_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        async with connected_phone(agent) as phone:
            terminal = await phone.create()
            await phone.type(
                terminal, f'cd {tmp_path}; d=$(printf \'caf\\351\'); mkdir "$d"; cd "$d"; echo in-$((1+1))\r'
            )
            await phone.wait_output(terminal, "in-2")
            await phone.rename(terminal, "odd place")
            before = await agent.status()
        assert await agent.stop() == 0
    async with serving(tmp_path / "state") as agent:
        after = await agent.status()
        assert [one["name"] for one in after["terminals"]] == ["odd place"]
        directory = psutil.Process(after["terminals"][0]["pid"]).cwd()
        assert os.fsencode(directory).endswith(b"caf\xe9")
        assert before["agent_pid"] != after["agent_pid"]


async def test_names_that_would_drive_the_terminal_are_shown_plainly(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        invitation = await agent.invite_legacy()
        name = "[/x][link=http://evil.example]Work\x1b]0;owned\x07"
        async with open_phone("python", agent.relay_url, invitation["token"], name=name) as phone:
            await phone.connect()
            await phone.pair(agent.device_id)
            await phone.create(name="tab\x1b]0;owned\x07")
            for words in (("devices", "list"), ("status",)):
                printed = await agent.command(*words)
                assert "owned" in printed
                assert "\x1b]" not in printed
            assert "[/x][link=http://evil.example]Work" in await agent.command("devices", "list")
