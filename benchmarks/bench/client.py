"""The client for all peers: one Node program, which the benchmark controls by JSON lines over a pipe.

Owns the client's process, which always ends with the scope of `client_of`.
"""

import asyncio
import itertools
import json
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

COMMAND_SECONDS = 240.0
LINE = 1 << 20
PROGRAM = Path(__file__).with_name("node") / "client.mjs"


class ClientFailed(Exception):
    """The client failed to execute a command of the benchmark. The message says what was expected and found."""


class BenchClient:
    """A running client, which executes one command at a time."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._numbers = itertools.count()

    async def ask(self, command: str, **options: object) -> Any:
        """Let the client execute a command, and return the command's value. Raises ClientFailed."""
        assert self._process.stdin is not None and self._process.stdout is not None  # noqa: S101
        number = next(self._numbers)
        self._process.stdin.write(json.dumps({"id": number, "command": command, **options}).encode() + b"\n")
        try:
            async with asyncio.timeout(COMMAND_SECONDS):
                await self._process.stdin.drain()
                line = await self._process.stdout.readline()
        except TimeoutError:
            raise ClientFailed(f"expected {command} to finish within {COMMAND_SECONDS:g} s") from None
        except ConnectionError:
            line = b""
        if not line.endswith(b"\n"):
            raise ClientFailed(f"{command}: the client ended with status {await self._process.wait()}")
        said = json.loads(line)
        if "error" in said:
            raise ClientFailed(f"{command}: {said['error']}")
        return said["value"]

    @asynccontextmanager
    async def stopped(self) -> AsyncIterator[None]:
        """Stop the client's process (SIGSTOP) in this scope, so that it reads nothing and answers nothing."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGCONT)

    # -- commands

    async def open(self) -> str:
        """Open a terminal, wait for the prompt of its shell, and return the terminal's id."""
        return str((await self.open_many(1))[0])

    async def open_many(self, count: int) -> list[str]:
        """Open `count` terminals, one after the other, and return their ids."""
        return list(await self.ask("openMany", count=count))

    async def show(self, terminals: Sequence[str]) -> None:
        """Tell the server that the client shows these terminals and no others.

        A server of MobiFai then sends the output of these terminals only. Other servers send that of all terminals.
        """
        await self.ask("show", terminals=list(terminals))

    async def echo(self, terminal: str, count: int) -> list[float]:
        """Type `count` keys into a terminal, one at a time, and return the milliseconds until the echo of each."""
        return list(await self.ask("echo", terminal=terminal, count=count))

    async def interrupt(self, terminal: str) -> float:
        """Press Ctrl-C in a terminal, and return the milliseconds until the prompt of its shell."""
        return float(await self.ask("interrupt", terminal=terminal))


@asynccontextmanager
async def client_of(
    node: str, home: Path, options: Mapping[str, object], folder: Path, inside: Sequence[str] = ()
) -> AsyncIterator[BenchClient]:
    """Run a client for one peer in this scope, without connecting it.

    `home` has the client's packages, `options` describe the peer's server, and `folder` gets the client's log. `inside`
    has words to put before the client's command, which run it in another network.
    """
    with (folder / "client.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *inside,
            node,
            str(PROGRAM),
            stdin=PIPE,
            stdout=PIPE,
            stderr=log,
            limit=LINE,
            env={"PATH": os.environ.get("PATH", os.defpath), "BENCH_CLIENT_HOME": str(home), "TMPDIR": str(folder)},
        )
    try:
        client = BenchClient(process)
        await client.ask("setUp", **options)
        yield client
    finally:
        with suppress(ProcessLookupError):
            process.kill()  # nothing is lost, and an orderly end of libwebrtc takes long
        await process.wait()
        if process.stdin is not None:
            process.stdin.close()
            with suppress(ConnectionError):
                await process.stdin.wait_closed()
