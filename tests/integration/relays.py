"""`mobifai relay` as a separate process, and the sign-in of an agent as a user does it. The process is

gone at the end of the scope.
"""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp

from mobifai.control.client import send_request
from mobifai.errors import StateError
from mobifai.state import StateDir
from tests.support.agent import STOP_SECONDS, RunningAgent, mobifai
from tests.support.eventually import eventually

NO_STUN = ("--ice-server", "stun:nowhere.invalid:3478")
"""A server that does not exist, because tests use none on the internet."""

_SIGN_IN = re.compile(r"Sign in at:\s+(\S+)")


@dataclass
class RunningRelay:
    """A running `mobifai relay`."""

    process: asyncio.subprocess.Process
    state_dir: Path
    url: str

    async def invite(self) -> dict[str, Any]:
        """Create an invitation for an agent."""
        return dict(await send_request(StateDir(self.state_dir).control_socket, "pair"))

    async def devices(self) -> list[dict[str, Any]]:
        """Return the devices, and whether each is connected."""
        return list((await send_request(StateDir(self.state_dir).control_socket, "devices"))["devices"])

    async def stop(self) -> int:
        """Stop the relay, and return its exit status."""
        self.process.terminate()
        async with asyncio.timeout(STOP_SECONDS):
            return await self.process.wait()


@asynccontextmanager
async def relaying(
    state_dir: Path, port: int = 0, *options: str, inside: tuple[str, ...] = ()
) -> AsyncIterator[RunningRelay]:
    """Run a relay alone, and wait until it answers.

    `inside`: the prefix of the command that runs it in another network.
    """
    log = state_dir.with_name(f"{state_dir.name}.log")
    with log.open("ab") as out:
        process = await asyncio.create_subprocess_exec(
            *(*inside, *mobifai(), "relay", "--state-dir", str(state_dir), "--port", str(port), *options),
            stdout=out,
            stderr=out,
        )
    try:
        relay = RunningRelay(process, state_dir, await _address(process, state_dir, log))
        yield relay
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _address(process: asyncio.subprocess.Process, state_dir: Path, log: Path) -> str:
    async with asyncio.timeout(20):
        while process.returncode is None:
            with contextlib.suppress(StateError):
                return str((await send_request(StateDir(state_dir).control_socket, "status"))["relay_url"])
            await asyncio.sleep(0.05)
    raise AssertionError(f"the relay ended: {log.read_text()}")


async def login_url(agent: RunningAgent, times: int = 1) -> str:
    """Return the login address that the agent prints, the latest of `times`."""
    await eventually(lambda: len(_SIGN_IN.findall(agent.log.read_text())) >= times)
    return str(_SIGN_IN.findall(agent.log.read_text())[-1])


async def sign_in(agent: RunningAgent, relay: RunningRelay, code: str = "") -> None:
    """Sign the agent in on its login page, by default as an agent of the relay's owner."""
    url = await login_url(agent)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    code = code or (await relay.invite())["code"]
    async with aiohttp.ClientSession() as session, session.post(url, data={**asked, "code": code}) as answer:
        assert answer.status == 200, await answer.text()
    await ready(agent)


async def ready(agent: RunningAgent) -> None:
    """Wait until phones can pair with an agent that had to be signed in first."""
    await eventually(agent.ready_file.exists)
    agent.ready = json.loads(agent.ready_file.read_text())
