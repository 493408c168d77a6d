"""The keeper as a process with a misbehaving agent: its shells live, and commands are answered."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from mobifai.control.client import send_request
from mobifai.control.server import listen_in
from mobifai.errors import StateError
from mobifai.terminals import keeper
from mobifai.terminals.keeper_protocol import TEST_VARIABLE
from tests.support.eventually import eventually
from tests.terminals import ill_agent

ROOT = Path(__file__).parents[2]


@dataclass
class RunningKeeper:
    process: subprocess.Popen[bytes]
    control: Path
    log: Path
    shell: psutil.Process

    async def status(self) -> dict[str, Any]:
        return dict(await send_request(self.control, "status"))


@asynccontextmanager
async def keeping(folder: Path, way: str, **variables: str) -> AsyncIterator[RunningKeeper]:
    """A keeper whose agent misbehaves in this way. `variables` are in its environment."""
    control, log = folder / "k.sock", folder / "log"
    listening, _ = listen_in([control])
    setup = {
        "ring_capacity": 100_000,
        "agent": 0,
        "connection": os.open(os.devnull, os.O_RDONLY),
        "control": listening.fileno(),
        "control_path": str(control),
        "log": str(log),
        "log_as_json": False,
    }
    agent = [sys.executable, "-P", ill_agent.__file__, str(folder), way]
    with listening, (folder / "terminal").open("wb") as terminal:
        process = subprocess.Popen(  # noqa: ASYNC220 - it does not wait
            [sys.executable, "-P", keeper.__file__, json.dumps(setup), *agent],
            env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
            pass_fds=[setup["connection"], setup["control"]],
            stderr=terminal,
        )
        os.close(setup["connection"])
    try:
        note = folder / "shell.pid"
        await eventually(lambda: note.exists() and note.read_text().endswith("\n"))
        yield RunningKeeper(process, control, log, psutil.Process(int(note.read_text())))
    finally:
        process.terminate()
        process.wait(10)


def runs(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("way", ill_agent.WAYS)
async def test_whatever_the_agent_does_its_shell_lives_and_status_says_why(tmp_path: Path, way: str) -> None:
    async with keeping(tmp_path, way) as kept:
        async with asyncio.timeout(20):
            while (status := await kept.status())["failures"] < 2:
                await asyncio.sleep(0.05)
        assert runs(kept.shell)
        assert [(one["name"], one["pid"]) for one in status["terminals"]] == [("precious", kept.shell.pid)]
        assert status["problem"]
        for report in (kept.log.read_text(), (tmp_path / "terminal").read_text()):
            assert "the agent does not run" in report
            assert "every terminal is kept" in report
        kept.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(kept.process.wait, 10) == 0
        assert not runs(kept.shell)
        assert not kept.control.exists()


async def test_commands_get_the_reason_and_a_restart_is_tried_immediately(tmp_path: Path) -> None:
    async with keeping(tmp_path, "exit 3") as kept:
        async with asyncio.timeout(20):
            while (await kept.status())["failures"] < 6:
                await send_request(kept.control, "restart")
        with pytest.raises(StateError, match=r"the agent does not run .*every terminal is kept"):
            await send_request(kept.control, "pair")


@pytest.mark.parametrize(
    "line", [b"\n", b"[]\n", b"{}\n", b'{"ask": []}\n', b"\xff\xfe\n", b"[" * 50_000 + b"\n", b"x" * 70_000]
)
async def test_nonsense_on_the_keeper_s_socket_is_answered_or_cut_off(tmp_path: Path, line: bytes) -> None:
    async with keeping(tmp_path, "exit 3") as kept:
        reader, writer = await asyncio.open_unix_connection(kept.control)
        with closing(writer):
            writer.write(line)
            with contextlib.suppress(ConnectionError):
                assert b'"answer"' not in await reader.read()
        assert (await kept.status())["keeper_pid"] == kept.process.pid


async def test_silent_commands_do_not_block_others(tmp_path: Path) -> None:
    async with keeping(tmp_path, "exit 3") as kept:
        silent = [socket.socket(socket.AF_UNIX) for _ in range(20)]
        for one in silent:
            one.connect(str(kept.control))
        async with asyncio.timeout(5):
            assert (await kept.status())["keeper_pid"] == kept.process.pid
        for one in silent:
            one.close()


async def test_only_a_keeper_that_a_test_run_has_marked_can_be_inspected(tmp_path: Path) -> None:
    async with keeping(tmp_path, "exit 3") as kept:
        with pytest.raises(StateError, match="every terminal is kept"):
            await send_request(kept.control, "soak.sample")
        assert not any("psutil" in one.path for one in psutil.Process(kept.process.pid).memory_maps())


async def test_a_marked_keeper_counts_its_shells_and_being_asked_leaves_nothing(tmp_path: Path) -> None:
    async with keeping(tmp_path, "exit 3", **{TEST_VARIABLE: "a test"}) as kept:
        await _tries(kept, 3)
        await send_request(kept.control, "soak.sample")
        first = await send_request(kept.control, "soak.sample")
        assert first["pid"] == kept.process.pid
        assert first["values"]["canaries:mobifai.terminals.keeper_shells.HeldShell"] == 1
        for _ in range(20):
            await send_request(kept.control, "soak.sample")
        again = (await send_request(kept.control, "soak.sample"))["values"]
        assert abs(again["python.blocks"] - first["values"]["python.blocks"]) < 20
        with pytest.raises(StateError, match="has no handler"):
            await send_request(kept.control, "soak.no.such.question")
        with pytest.raises(StateError, match="has no handler"):
            await send_request(kept.control, "nobody.answers")
        assert runs(kept.shell)


async def _tries(kept: RunningKeeper, failures: int) -> None:
    """Wait until the agent has failed this number of times, when the keeper has loaded everything that it needs."""
    async with asyncio.timeout(20):
        while (await kept.status())["failures"] < failures:
            await asyncio.sleep(0.05)
