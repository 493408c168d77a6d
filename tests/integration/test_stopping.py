"""A stopped or killed agent leaves no child, no socket file, and no obstacle for the next start."""

import asyncio
import os
import signal
import socket
from contextlib import AsyncExitStack, closing
from pathlib import Path

import psutil
import pytest

from soak.phone.interface import PhoneInterface
from tests.support.agent import STOP_SECONDS, RunningAgent, run_command, serving
from tests.support.agent_status import answers, asked, nothing_went_wrong, relay_stage
from tests.support.connected import phone_with_terminal
from tests.support.eventually import eventually
from tests.support.phones import open_phone

modes = pytest.mark.parametrize("options", [(), ("--no-keeper",)], ids=["keeper", "no keeper"])

BASH = ("--shell", "/bin/bash --norc")
"""A shell that passes SIGHUP on to its jobs, as dash does not."""

JOBS = "sleep 1000 & sh -c \"trap '' TERM; sleep 1000; :\" & echo begun-$((1+1))\r"


async def open_terminal(scope: AsyncExitStack, agent: RunningAgent) -> tuple[PhoneInterface, str]:
    return await scope.enter_async_context(phone_with_terminal(agent))


def family(agent: RunningAgent) -> list[psutil.Process]:
    """Return all processes of an agent, including shells and their jobs."""
    root = psutil.Process(agent.process.pid)
    return [root, *root.children(recursive=True)]


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


def sockets(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_socket()]


@modes
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
async def test_a_stop_ends_everything_in_time(tmp_path: Path, options: tuple[str, ...], number: signal.Signals) -> None:
    async with AsyncExitStack() as scope:
        agent = await scope.enter_async_context(serving(tmp_path / "state", *BASH, *options))
        phone, busy = await open_terminal(scope, agent)
        await phone.type(busy, JOBS)
        await phone.wait_output(busy, "begun-2")
        plain = await phone.create()
        await phone.type(plain, "sleep 1000 &\recho begun-$((1+1))\r")
        await phone.wait_output(plain, "begun-2")
        processes = family(agent)
        assert len(processes) >= 6 + (not options)
        assert sockets(tmp_path)
        assert await agent.stop(number) == 0
        assert alive(processes) == []
        assert sockets(tmp_path) == []
        assert not agent.ready_file.exists()
        nothing_went_wrong(agent)


@modes
async def test_ctrl_c_that_reaches_all_processes_of_a_terminal_stops_cleanly(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    async with AsyncExitStack() as scope:
        agent = await scope.enter_async_context(serving(tmp_path / "state", *options))
        await open_terminal(scope, agent)
        processes = family(agent)
        os.killpg(agent.process.pid, signal.SIGINT)
        async with asyncio.timeout(STOP_SECONDS):
            assert await agent.process.wait() == 0
        assert alive(processes) == []
        nothing_went_wrong(agent)


async def test_it_can_be_stopped_before_it_is_ready(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:  # accepts connections and never answers
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        async with serving(tmp_path / "state", "--relay", url, ready=False) as agent:
            await eventually(lambda: sockets(tmp_path))
            assert await agent.stop() == 0
            assert sockets(tmp_path) == []
            nothing_went_wrong(agent)


@modes
async def test_it_can_be_stopped_while_it_asks_a_server_that_does_not_answer(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    async with serving(tmp_path / "state", "--ice-server", "stun:127.0.0.1:9", *options) as agent:
        token = (await agent.invite_legacy())["token"]
        async with open_phone("python", agent.relay_url, token) as phone:
            await phone.connect()
            await phone.pair(agent.device_id)
            await phone.create()
            processes = family(agent)
            assert await agent.stop() == 0
            assert alive(processes) == []
        nothing_went_wrong(agent)


@pytest.mark.parametrize("killed", ["agent", "keeper", "both", "single process"])
async def test_killed_it_leaves_no_shell_and_the_next_start_finds_its_tabs(tmp_path: Path, killed: str) -> None:
    options = ("--no-keeper",) if killed == "single process" else ()
    async with AsyncExitStack() as scope:
        agent = await scope.enter_async_context(serving(tmp_path / "state", *options))
        phone, terminal = await open_terminal(scope, agent)
        await answers(phone, terminal)
        status, processes = await asked(agent), family(agent)
        shell = psutil.Process(status["terminals"][0]["pid"])
        if killed == "agent":
            agent.ready_file.unlink()
            os.kill(status["agent_pid"], signal.SIGKILL)
            await eventually(agent.ready_file.exists)
            assert shell.is_running()
            assert await agent.stop() == 0
        else:
            keeper = [agent.process.pid] if killed != "single process" else []
            for pid in [*keeper, *([status["agent_pid"]] if killed != "keeper" else [])]:
                os.kill(pid, signal.SIGKILL)
            await agent.process.wait()
        await eventually(lambda: not alive(processes))
        again = await scope.enter_async_context(serving(tmp_path / "state", *options))
        assert [one["uuid"] for one in (await asked(again))["terminals"]] == [terminal]
        assert await again.stop() == 0


async def test_a_second_one_in_the_same_place_says_so_and_leaves_the_first_alone(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        for command in (["serve", "--port", "0"], ["serve", "--port", "0", "--no-keeper"], ["relay", "--port", "0"]):
            status, out, err = await run_command(*command, "--state-dir", str(tmp_path / "state"))
            assert (status, out) == (1, "")
            assert f"another mobifai (process {agent.process.pid})" in err
            assert "--state-dir" in err
            assert "Traceback" not in err
        assert await relay_stage(agent) == "waiting"


async def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = str(taken.getsockname()[1])
        for command in (["serve"], ["serve", "--no-keeper"], ["relay"]):
            status, out, err = await run_command(*command, "--port", port, "--state-dir", str(tmp_path / "state"))
            assert (status, out) == (1, "")
            assert port in err
            assert "--port" in err
            assert "Traceback" not in err
        assert sockets(tmp_path) == []
