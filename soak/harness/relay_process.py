"""A separate relay: `mobifai relay` as a process, which can be restarted while an agent and phones use it.

`SeparateRelay` owns the process and, as a context manager, stops it on exit.
"""

import asyncio
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import aiohttp

from mobifai.control.client import send_request
from mobifai.errors import MobiFaiError, StateError
from mobifai.state import StateDir
from soak.harness.installation import HERE, Installation

START_SECONDS = 30.0
STOP_SECONDS = 10.0

_SIGN_IN = re.compile(r"Sign in at:\s+(\S+)")


class RelayFailed(MobiFaiError):
    """The separate relay did not start, or the agent could not sign in on it."""


class SeparateRelay:
    """A running relay. A restart does not change its port and state."""

    def __init__(
        self, folder: Path, settings: Path, environment: Mapping[str, str], installation: Installation = HERE
    ) -> None:
        self.url = ""
        self._command = installation.command
        self._state = StateDir(folder / "relay")
        self._settings = settings
        self._log = folder / "relay.log"
        self._environment = dict(environment)
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        await self._start(0)
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._stop(politely=True)

    @property
    def pid(self) -> int:
        """The process id of the relay, which changes with a restart; 0 while it does not run."""
        return self._process.pid if self._process else 0

    @property
    def socket(self) -> Path:
        """The path of the relay's control socket."""
        return self._state.control_socket

    async def ask(self, question: str, arguments: Mapping[str, object] | None = None) -> Any:
        """Send a request to the relay's control socket and return the answer. Raises StateError."""
        return await send_request(self.socket, question, arguments)

    async def restart(self, *, politely: bool) -> None:
        """Stop the relay with SIGTERM (`politely`) or SIGKILL, and start it again on the same port.

        Raises RelayFailed if it does not start.
        """
        await self._stop(politely=politely)
        await self._start(urlsplit(self.url).port or 0)

    async def _start(self, port: int) -> None:
        words = ("--config", str(self._settings), "relay", "--state-dir", str(self._state.path), "--port", str(port))
        with self._log.open("ab") as out:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                *words,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=self._environment,
                cwd=self._log.parent,
                start_new_session=True,
            )
        self.url = await self._address(self._process)

    async def _address(self, process: asyncio.subprocess.Process) -> str:
        with suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS):
                while process.returncode is None:
                    with suppress(StateError):
                        return str((await self.ask("status"))["relay_url"])
                    await asyncio.sleep(0.05)
        raise RelayFailed(f"expected `mobifai relay` to answer; its output ends with:\n{self._output()[-2000:]}")

    async def _stop(self, *, politely: bool) -> None:
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        if politely:
            process.terminate()
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP_SECONDS):
                    await process.wait()
        if process.returncode is None:
            process.kill()
        await process.wait()

    def _output(self) -> str:
        with suppress(OSError):
            return self._log.read_text(errors="replace")
        return ""

    async def sign_in(self, agent_log: Path) -> None:
        """Sign the agent in on the relay's sign-in page, whose address is in `agent_log`. Raises RelayFailed."""
        url = await _page(agent_log)
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        code = (await self.ask("pair"))["code"]
        async with aiohttp.ClientSession() as session, session.post(url, data={**asked, "code": code}) as answer:
            if answer.status != 200:
                raise RelayFailed(f"expected the relay to sign the agent in; it answered {answer.status}")


async def _page(agent_log: Path) -> str:
    with suppress(TimeoutError):
        async with asyncio.timeout(START_SECONDS):
            while not (found := _SIGN_IN.findall(agent_log.read_text(errors="replace"))):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            return str(found[-1])
    raise RelayFailed("expected the agent to print the address of a sign-in page; found none in its output")
