"""A shell starts as after a login, however the agent was started."""

import asyncio
import json
import os
import resource
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import psutil
import pytest

from soak.phone.interface import PhoneInterface
from tests.support.agent import RunningAgent, mobifai, serving
from tests.support.agent_status import answers, arrive, asked
from tests.support.connected import connected_phone, phone_with_terminal
from tests.support.phones import open_phone

modes = pytest.mark.parametrize("options", [(), ("--no-keeper",)], ids=["keeper", "no keeper"])

BAD_PARENT = """
import os, signal, sys
for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())
os.umask(0o027)
os.dup2(0, 77)  # inheritable
os.execv(sys.argv[1], sys.argv[1:])
"""
"""A parent that ignores and blocks every signal, and leaves a descriptor open."""


async def a_terminal(scope: AsyncExitStack, agent: RunningAgent) -> tuple[PhoneInterface, str]:
    return await scope.enter_async_context(phone_with_terminal(agent))


async def shown(phone: PhoneInterface, terminal: str, command: str, tmp_path: Path) -> str:
    """Return a command's output in a terminal, read from a file so that no screen wraps it."""
    out = tmp_path / "out"
    await phone.type(terminal, f"{{ {command}; }} > {out} 2>&1\r")
    await answers(phone, terminal)
    return out.read_text()


@modes
@pytest.mark.skipif(sys.platform != "linux", reason="what a process ignores is read from /proc")
async def test_no_signal_is_ignored_or_blocked_and_nothing_else_is_inherited(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    async with AsyncExitStack() as scope:
        parent = (sys.executable, "-c", BAD_PARENT)
        agent = await scope.enter_async_context(serving(tmp_path / "state", *options, inside=parent))
        phone, terminal = await a_terminal(scope, agent)
        shell = (await asked(agent))["terminals"][0]["pid"]
        status = await shown(phone, terminal, "cat /proc/self/status", tmp_path)
        masks = [line.split() for line in status.splitlines() if line.startswith(("SigBlk", "SigIgn", "SigCgt"))]
        assert [mask for _, mask in masks] == ["0" * 16] * 3, masks
        assert await shown(phone, terminal, "umask", tmp_path) == "0027\n"
        assert {int(path.name) for path in Path(f"/proc/{shell}/fd").iterdir()} <= {
            0,
            1,
            2,
            10,
            255,
        }
        assert os.getsid(shell) == os.getpgid(shell) == shell
        for limit in (resource.RLIMIT_NOFILE, resource.RLIMIT_CORE, resource.RLIMIT_NPROC):
            assert resource.prlimit(shell, limit) == resource.getrlimit(limit)
        assert psutil.Process(shell).nice() == psutil.Process().nice()


async def test_a_pipe_without_a_reader_ends_its_writer(tmp_path: Path) -> None:
    async with AsyncExitStack() as scope:
        agent = await scope.enter_async_context(serving(tmp_path / "state", "--shell", "/bin/bash --norc"))
        phone, terminal = await a_terminal(scope, agent)
        command = "yes | head -1; echo ${PIPESTATUS[@]}"
        assert await shown(phone, terminal, command, tmp_path) == "y\n141 0\n"


async def test_backspace_erases_a_whole_character(tmp_path: Path) -> None:
    async with AsyncExitStack() as scope:
        agent = await scope.enter_async_context(serving(tmp_path / "state"))
        phone, terminal = await a_terminal(scope, agent)
        await phone.type(terminal, "stty -echo; echo now-$((1+1)); cat | od -An -tx1\r")
        await phone.wait_output(terminal, "now-2")
        await phone.type(terminal, "ä漢\x7f\r\x04")
        await phone.wait_output(terminal, "c3 a4 0a")


@modes
async def test_the_environment_is_a_logins_and_has_nothing_of_python(tmp_path: Path, options: tuple[str, ...]) -> None:
    given = {
        "PATH": f"/somewhere/venv/bin:{Path(sys.executable).parent}:/usr/bin:/bin",
        "VIRTUAL_ENV": "/somewhere/venv",
        "PYTHONWARNINGS": "ignore",
        "GPG_TTY": "/dev/pts/999",
        "HOME": str(tmp_path),
        "TZ": "Europe/Vienna",
        "XDG_DATA_HOME": "x" * 100_000,
    }
    unset = [f"--unset={name}" for name in os.environ if name.startswith(("LC_", "LANG", "SSL_", "USER", "LOGNAME"))]
    async with AsyncExitStack() as scope:
        inside = ("env", *unset)
        agent = await scope.enter_async_context(serving(tmp_path / "state", *options, environment=given, inside=inside))
        phone, terminal = await a_terminal(scope, agent)
        text = await shown(phone, terminal, "env -0 | tr '\\0' '\\n'", tmp_path)
        found = dict(line.split("=", 1) for line in text.splitlines())
        assert found["PATH"] == "/usr/bin:/bin"
        assert found["TZ"] == "Europe/Vienna"
        assert found["USER"] == found["LOGNAME"] == psutil.Process().username()
        expected = {"PATH", "HOME", "TZ", "USER", "LOGNAME", "SHELL", "TERM", "COLORTERM", "TERM_PROGRAM", "PWD"}
        assert set(found) - {"OLDPWD", "_", "SHLVL"} == expected
        assert (await shown(phone, terminal, "pwd", tmp_path)).strip() == str(tmp_path.resolve())


@modes
async def test_without_a_home_directory_it_starts_in_the_root(tmp_path: Path, options: tuple[str, ...]) -> None:
    for home in (tmp_path / "gone", tmp_path / "file"):
        (tmp_path / "file").touch(mode=0o755)
        async with AsyncExitStack() as scope:
            agent = await scope.enter_async_context(
                serving(tmp_path / f"state-{home.name}", *options, environment={"HOME": str(home)})
            )
            phone, terminal = await a_terminal(scope, agent)
            assert (await shown(phone, terminal, "pwd", tmp_path)).strip() == "/"


@modes
async def test_a_saved_directory_that_is_gone_is_replaced_by_home(tmp_path: Path, options: tuple[str, ...]) -> None:
    place = tmp_path / "place"
    place.mkdir()
    environment = {"HOME": str(tmp_path)}
    async with AsyncExitStack() as scope:
        async with serving(tmp_path / "state", *options, environment=environment) as agent:
            phone, terminal = await a_terminal(scope, agent)
            await shown(phone, terminal, f"cd {place}", tmp_path)
            assert await agent.stop() == 0
        place.rmdir()
        place.touch(mode=0o755)  # a file that is executable but not a directory
        agent = await scope.enter_async_context(serving(tmp_path / "state", *options, environment=environment))
        phone = await scope.enter_async_context(connected_phone(agent))
        await phone.switch(terminal)
        assert (await shown(phone, terminal, "pwd", tmp_path)).strip() == str(tmp_path.resolve())
        assert len([one for one in psutil.process_iter() if is_clone(one, agent)]) == 0


def is_clone(process: psutil.Process, agent: RunningAgent) -> bool:
    """Return whether a process is a fork of the keeper that did not become a shell."""
    try:
        return process.ppid() == agent.process.pid and process.name() == "keeper.py"
    except psutil.NoSuchProcess:
        return False


async def test_a_relative_shell_and_one_with_arguments_start(tmp_path: Path) -> None:
    (tmp_path / "my shell").symlink_to("/bin/sh")
    here = Path.cwd()
    for command in ("sh", os.path.relpath("/bin/sh", here), f"'{tmp_path}/my shell' -u"):
        async with AsyncExitStack() as scope:
            agent = await scope.enter_async_context(serving(tmp_path / "state", "--shell", command))
            phone, terminal = await a_terminal(scope, agent)
            path = (await shown(phone, terminal, "echo $SHELL", tmp_path)).strip()
            assert Path(path).is_absolute()
            assert os.access(path, os.X_OK)


NOBODY = 54321
"""The id of a user that no user database has."""

by_nobody = ("unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}", "--")
"""Runs a command as that user, who owns this user's files."""


def can_be_nobody() -> bool:
    return (
        sys.platform == "linux"
        and subprocess.run([*by_nobody, "true"], check=False, capture_output=True).returncode == 0
    )


as_nobody = pytest.mark.skipif(not can_be_nobody(), reason="this machine has no user namespaces")
UNKNOWN = ("HOME", "SHELL", "USER", "LOGNAME")


@as_nobody
@modes
async def test_a_user_whom_the_system_does_not_know_gets_a_shell(tmp_path: Path, options: tuple[str, ...]) -> None:
    async with AsyncExitStack() as scope:
        inside = ("env", *(f"--unset={name}" for name in UNKNOWN), *by_nobody)
        agent = await scope.enter_async_context(serving(tmp_path / "state", *options, inside=inside))
        state = ("--state-dir", str(agent.state_dir))
        assert (await command_as_nobody("status", *state))[0] == 0
        assert (await command_as_nobody("devices", "list", *state))[0] == 0
        status, out, err = await command_as_nobody("pair", "--legacy", "--json", *state)
        assert status == 0, err
        phone = await scope.enter_async_context(open_phone("python", agent.relay_url, json.loads(out)["token"]))
        await arrive(phone, agent.device_id)
        terminal = await phone.create()
        assert (await shown(phone, terminal, "id -u; pwd", tmp_path)) == f"{NOBODY}\n/\n"


async def command_as_nobody(*words: str, keep_home: bool = False) -> tuple[int, str, str]:
    dropped = ("MOBIFAI_", *UNKNOWN)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    process = await asyncio.create_subprocess_exec(
        *by_nobody,
        *mobifai(),
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment | ({"HOME": "/proc/nowhere"} if keep_home else {}),
    )
    try:
        async with asyncio.timeout(30):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        raise
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


@as_nobody
@pytest.mark.parametrize("keep_home", [True, False], ids=["HOME that is not there", "no HOME"])
@pytest.mark.parametrize(
    "words",
    [
        ("serve", "--port", "0"),
        ("serve", "--port", "0", "--no-keeper"),
        ("relay", "--port", "0"),
        ("status",),
        ("pair",),
        ("devices", "list"),
        ("ask", "x"),
        ("restart",),
        ("service", "install"),
        ("service", "install", "--print"),
        ("service", "status"),
        ("service", "logs"),
        ("service", "uninstall"),
    ],
    ids=" ".join,
)
async def test_every_command_says_that_the_user_has_no_home(words: tuple[str, ...], keep_home: bool) -> None:
    status, out, err = await command_as_nobody(*words, keep_home=keep_home)
    text = out + err
    assert "Traceback" not in text
    assert "internal error" not in text
    if status:
        assert "mobifai: " in err or "not installed" in out.lower()
        assert len(text.splitlines()) == 1
    assert not Path("~").exists()
