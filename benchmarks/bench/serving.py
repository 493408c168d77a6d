"""Starts a peer's server, waits until a client can connect, and ends it.

Owns the server's processes, which always end with the scope of `serving`.
"""

import asyncio
import json
import os
import socket
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import psutil

from benchmarks.bench.peers import SHELL, BenchPeer, BenchTools, Launch, PeerFailed
from mobifai.control.client import send_request
from mobifai.state import StateDir

START_SECONDS = 30.0
STOP_SECONDS = 10.0


class RunningServer(msgspec.Struct, frozen=True):
    """A started server. `options` are those that its client needs, and `seconds` is the duration of its start.

    `state_dir` is the state directory of a MobiFai server, and None for other servers.
    """

    pid: int
    options: Mapping[str, object]
    seconds: float
    state_dir: Path | None = None

    async def tasks(self) -> int | None:
        """Return the number of the server's asyncio tasks, or None if the server does not report it."""
        if self.state_dir is None:
            return None
        return int((await send_request(StateDir(self.state_dir).control_socket, "status"))["tasks"])


@asynccontextmanager
async def serving(
    peer: BenchPeer, tools: BenchTools, folder: Path, environment: Mapping[str, str] | None = None
) -> AsyncIterator[RunningServer]:
    """Run a peer's server in an empty folder for the length of a scope, which begins when a client can connect.

    `environment` has environment variables to add. Raises PeerFailed if the server is not ready in time.
    """
    (folder / "tmp").mkdir(parents=True)
    launch = peer.launch(tools, folder)
    start = time.monotonic()
    with (folder / "server.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *launch.words,
            stdin=PIPE,
            stdout=log if launch.ready_file or launch.port else PIPE,
            stderr=log,
            env={**_environment(tools, folder), **(environment or {})},
            start_new_session=True,
        )
    try:
        reported = await _ready(process, launch, folder / "server.log")
        seconds = time.monotonic() - start
        if launch.ready_file is not None:
            yield await _started_mobifai(peer, process.pid, reported, seconds, folder / "state")
        else:
            options = {"kind": peer.kind, "url": f"http://127.0.0.1:{reported['port']}{peer.path}"}
            yield RunningServer(process.pid, options, seconds)
    finally:
        await _end(process)


def _environment(tools: BenchTools, folder: Path) -> dict[str, str]:
    # `soak.harness.cleanup` ends processes that outlive a killed run if their TMPDIR is in the folder of the run.
    own = {
        "TMPDIR": str(folder / "tmp"),
        "BENCH_SHELL": str(SHELL),
        "BENCH_SERVERS_HOME": str(tools.servers_home or ""),
    }
    return {**os.environ, **own}


async def _started_mobifai(
    peer: BenchPeer, pid: int, reported: dict[str, Any], seconds: float, state_dir: Path
) -> RunningServer:
    invitation = await send_request(StateDir(state_dir).control_socket, "pair", {"legacy": True})
    where = {"url": reported["relay_url"], "target": reported["device_id"], "token": invitation["token"]}
    return RunningServer(pid, {"kind": peer.kind, "webrtc": peer.webrtc, **where}, seconds, state_dir)


async def _ready(process: Process, launch: Launch, log: Path) -> dict[str, Any]:
    try:
        async with asyncio.timeout(START_SECONDS):
            reported = await _reported(process, launch)
    except TimeoutError:
        reported = None
    if reported is None:
        raise PeerFailed(f"expected a server to be ready within {START_SECONDS:g} s; it printed {_last_line(log)!r}")
    return reported


async def _reported(process: Process, launch: Launch) -> dict[str, Any] | None:
    if launch.ready_file is None and launch.port is None:
        assert process.stdout is not None  # noqa: S101
        line = await process.stdout.readline()
        return dict(json.loads(line)) if line else None
    while process.returncode is None:
        if launch.ready_file is not None and launch.ready_file.exists():
            return dict(json.loads(launch.ready_file.read_text()))
        if launch.port is not None and _listens(launch.port):
            return {"port": launch.port}
        await asyncio.sleep(0.005)
    return None


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1][-200:] if lines else "nothing"


async def _end(process: Process) -> None:
    """Ask a server to end, kill it after `STOP_SECONDS`, and kill the descendants that it leaves."""
    family: list[psutil.Process] = []
    with suppress(psutil.Error):
        family = psutil.Process(process.pid).children(recursive=True)
    if process.stdin is not None:
        process.stdin.close()
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
    for one in family:
        with suppress(psutil.Error):
            one.kill()
