"""Closing a tab, or stopping the agent, has the effect of closing a terminal window on a shell and its jobs."""

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import psutil
import pytest

from soak.phone.interface import PhoneInterface
from tests.support.agent import RunningAgent, serving
from tests.support.agent_status import answers, asked
from tests.support.connected import phone_with_terminal
from tests.support.eventually import eventually

modes = pytest.mark.parametrize("options", [(), ("--no-keeper",)], ids=["keeper", "no keeper"])

GRACE_SECONDS = 1.5
"""Longer than the time after which earlier versions killed a shell and its session."""

JOBS = {
    "plain": "sleep 1000 &",
    "foreground of a subshell": "(sleep 1000) &",
    "stopped": "sleep 1000 & kill -STOP $!;",
    "nohup": "nohup sleep 1000 >/dev/null 2>&1 &",
    "disowned": "sleep 1000 & disown $!;",
    "ignores SIGHUP": "sh -c 'trap \"\" HUP; echo $$ > FILE; exec sleep 1000' &",
    "other session": "setsid -f sh -c 'echo $$ > FILE; exec sleep 1000';",
}
ENDS = {"plain", "foreground of a subshell", "stopped"}


async def a_terminal(scope: AsyncExitStack, agent: RunningAgent) -> tuple[PhoneInterface, str]:
    return await scope.enter_async_context(phone_with_terminal(agent))


async def start_jobs(phone: PhoneInterface, terminal: str, tmp_path: Path) -> dict[str, psutil.Process]:
    """Start each kind of job, and find its process."""
    started = {}
    for number, (kind, command) in enumerate(JOBS.items()):
        file = tmp_path / f"job-{number}"
        writes_pid = "" if "FILE" in command else f" echo $! > {file};"
        await phone.type(terminal, f"{{ {command.replace('FILE', str(file))}{writes_pid} }} 2>/dev/null\r")
        await answers(phone, terminal)
        await eventually(lambda file=file: file.exists() and file.read_text().strip())
        started[kind] = psutil.Process(int(file.read_text()))
    return started


def runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def end(processes: dict[str, psutil.Process]) -> None:
    for process in processes.values():
        for one in [*children(process), process]:
            if runs(one):
                one.kill()


def children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


@modes
@pytest.mark.parametrize("how", ["tab closed", "agent stopped"])
async def test_jobs_end_as_with_a_terminal_window(tmp_path: Path, options: tuple[str, ...], how: str) -> None:
    async with AsyncExitStack() as scope:
        bash = ("--shell", "/bin/bash --norc")
        agent = await scope.enter_async_context(serving(tmp_path / "state", *bash, *options))
        phone, terminal = await a_terminal(scope, agent)
        shell = psutil.Process((await asked(agent))["terminals"][0]["pid"])
        jobs = await start_jobs(phone, terminal, tmp_path)
        scope.callback(end, jobs)
        if how == "tab closed":
            await phone.terminate(terminal)
        else:
            assert await agent.stop() == 0
        await eventually(lambda: not runs(shell))
        await eventually(lambda: not any(runs(jobs[kind]) for kind in ENDS))
        gone_at = asyncio.get_running_loop().time()
        await eventually(lambda: asyncio.get_running_loop().time() > gone_at + GRACE_SECONDS + 0.5)
        assert {kind for kind, process in jobs.items() if runs(process)} == set(JOBS) - ENDS


@modes
async def test_a_shell_that_ignores_the_closing_of_its_tab_is_no_tab_and_is_reaped_when_it_ends(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    async with AsyncExitStack() as scope:
        agent = await scope.enter_async_context(serving(tmp_path / "state", *options))
        phone, terminal = await a_terminal(scope, agent)
        await phone.type(terminal, "trap '' HUP TERM; echo on-$((1+1)); exec sleep 1000\r")
        await phone.wait_output(terminal, "on-2")
        shell = psutil.Process((await asked(agent))["terminals"][0]["pid"])
        scope.callback(end, {"shell": shell})
        await phone.terminate(terminal)
        assert (await asked(agent))["terminals"] == []
        await answers(phone, await phone.create(uuid=terminal))
        assert runs(shell)
        shell.kill()
        await eventually(lambda: not psutil.pid_exists(shell.pid))  # not even as a zombie
        await answers(phone, terminal)


@modes
async def test_what_nohup_ignores_stays_ignored(tmp_path: Path, options: tuple[str, ...]) -> None:
    """SIGHUP and SIGINT are ignored at the start, as with `nohup mobifai serve &` in a script."""
    ignoring = ("sh", "-c", "trap '' HUP INT QUIT; exec \"$@\"", "sh")
    async with AsyncExitStack() as scope:
        agent = await scope.enter_async_context(serving(tmp_path / "state", *options, inside=ignoring))
        phone, terminal = await a_terminal(scope, agent)
        await answers(phone, terminal)
        pids = {agent.process.pid, (await asked(agent))["agent_pid"]}
        for number in (signal.SIGHUP, signal.SIGINT):
            for pid in pids:
                os.kill(pid, number)
        await answers(phone, terminal)
        if not options:
            await agent.command("restart")
            await eventually_restarted(agent, pids)
            status = await asked(agent)
            os.kill(status["agent_pid"], signal.SIGHUP)
            os.kill(agent.process.pid, signal.SIGHUP)
        assert (await asked(agent))["terminals"]
        assert await agent.stop() == 0


async def eventually_restarted(agent: RunningAgent, before: set[int]) -> None:
    from tests.support.agent_status import status_when  # noqa: PLC0415

    await status_when(agent, lambda status: status["agent_pid"] not in before, "a new agent")


def has_pid_namespaces() -> bool:
    words = ("unshare", "--pid", "--fork", "--mount-proc", "true")
    return sys.platform == "linux" and subprocess.run(words, check=False, capture_output=True).returncode == 0


DOUBLE_FORK = "(setsid sh -c : &);"
"""A process whose parent is gone. It becomes a child of the first process before it ends."""


@pytest.mark.skipif(not has_pid_namespaces(), reason="this user may not make a PID namespace")
@modes
async def test_as_the_first_process_of_a_container_it_leaves_no_zombie(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    async with AsyncExitStack() as scope:
        container = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child=KILL")
        agent = await scope.enter_async_context(serving(tmp_path / "state", *options, inside=container))
        (first,) = psutil.Process(agent.process.pid).children()
        phone, terminal = await a_terminal(scope, agent)
        await phone.type(terminal, f"for i in 1 2 3 4 5; do {DOUBLE_FORK} done; echo done-$((1+1))\r")
        await phone.wait_output(terminal, "done-2")
        await eventually(lambda: zombies(first) == [])
        doomed = await phone.create()
        await phone.type(doomed, "exit 3\r")
        await phone.expect("process:exited", lambda payload: payload["uuid"] == doomed)
        await eventually(lambda: zombies(first) == [])
        first.send_signal(signal.SIGTERM)
        async with asyncio.timeout(5):
            assert await agent.process.wait() == 0


def zombies(first: psutil.Process) -> list[psutil.Process]:
    return [one for one in first.children(recursive=True) if is_zombie(one)]


def is_zombie(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
