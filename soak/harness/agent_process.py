"""The agent under test: `mobifai serve` as a process, optionally with a separate relay.

`agent_under_test` owns these processes and ends them at the end of its scope. Their files stay until the run removes
its directory.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from mobifai.control.client import send_request
from mobifai.errors import MobiFaiError, StateError
from mobifai.state import StateDir
from soak.gauges import process_stats as outside
from soak.gauges.gauge import AGENT
from soak.harness.child_environment import make_folders
from soak.harness.counted_process import CountedProcess
from soak.harness.installation import HERE, Installation
from soak.harness.relay_process import SeparateRelay
from soak.inside.control_handlers import RUN_VARIABLE
from soak.phone.encryption import InvitationLink, PhoneKeys
from soak.plants import plant as planted

START_SECONDS = 60.0
STOP_SECONDS = 10.0
LOG_SHOWN = 4000

EXACT_HEAP: Mapping[str, str] = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=0", "MALLOC_ARENA_MAX": "1"}
"""Variables that make glibc's number of bytes in use exact: no per-thread cache of free blocks, and one arena."""


class TargetFailed(MobiFaiError):
    """The agent under test did not start, or has ended."""


class AgentUnderTest:
    """A running agent, with the requests and counts that scenarios and the runner need. Implements
    `context.TargetAgent`.
    """

    def __init__(
        self,
        folder: Path,
        process: asyncio.subprocess.Process,
        relay: SeparateRelay | None = None,
        *,
        relay_restarts: bool = False,
        with_keeper: bool = True,
    ) -> None:
        self.folder = folder
        self.state_dir = folder / "state"
        self.relay_url = ""
        self.device_id = ""
        self.agent_pid = 0
        self._process = process
        self._relay = relay
        self.others = self._other_processes(relay_restarts, with_keeper)
        """MobiFai processes other than the agent."""
        self._tokens: dict[int, str] = {}  # bounded by the phones
        self._keys: dict[int, PhoneKeys] = {}  # bounded by the phones

    def _other_processes(self, relay_restarts: bool, with_keeper: bool) -> list[CountedProcess]:
        state, relay = StateDir(self.state_dir), self._relay
        found = [CountedProcess("keeper", lambda: self.keeper_pid, lambda: state.keeper_socket)] if with_keeper else []
        if relay is not None:
            found.append(CountedProcess("relay", lambda: relay.pid, lambda: relay.socket, inside=not relay_restarts))
        return found

    # -- used by scenarios

    async def ask(self, question: str, arguments: Mapping[str, object] | None = None) -> Any:
        """Send a request to the agent's control socket and return the answer. Raises StateError."""
        return await send_request(StateDir(self.state_dir).control_socket, question, arguments)

    @property
    def control_socket(self) -> Path:
        """The path of the agent's control socket."""
        return StateDir(self.state_dir).control_socket

    async def ask_relay(self, question: str, arguments: Mapping[str, object] | None = None) -> Any:
        """Send a request to the separate relay and return the answer. Raises StateError, or RuntimeError without a
        separate relay.
        """
        if self._relay is None:
            raise RuntimeError("expected an agent with a separate relay; this one has a relay in its own process")
        return await self._relay.ask(question, arguments)

    @property
    def relay_pid(self) -> int:
        """The process id of the separate relay; 0 if there is none."""
        return self._relay.pid if self._relay else 0

    async def ask_in(self, process: str, question: str, arguments: Mapping[str, object] | None = None) -> Any:
        """Send a request to the MobiFai process named `process`. Raises StateError, also for an unknown process."""
        if process == AGENT:
            return await self.ask(question, arguments)
        for one in self.others:
            if one.name == process and one.inside:
                return await one.ask(question, arguments)
        raise StateError(f"expected one of the processes {', '.join(self.processes)}; found {process!r}")

    @property
    def processes(self) -> list[str]:
        """The names of the processes that are counted from inside."""
        return [AGENT, *(one.name for one in self.others if one.inside)]

    async def token(self, number: int, *, encrypted: bool = False) -> str:
        """Return the relay token of phone `number`. Later calls with the same number return the same token.

        The first call requests an invitation and keeps its token. The token is for a legacy app unless `encrypted` is
        set. Raises StateError.
        """
        if number not in self._tokens:
            invitation = await self.ask("pair", {"legacy": not encrypted})
            self._tokens[number] = str(invitation["token"])
        return self._tokens[number]

    async def keys(self, number: int) -> PhoneKeys | None:
        """Return the encryption keys of phone `number`, always the same ones; None if the agent can't encrypt.

        The first call requests an invitation link and makes the keys from it.
        """
        if number not in self._keys:
            link = (await self.ask("pair")).get("link")
            if link is None:
                return None
            self._keys[number] = PhoneKeys.by_link(InvitationLink.read(str(link)))
        return self._keys[number]

    async def restart_relay(self, *, politely: bool) -> None:
        """Stop the separate relay with SIGTERM (`politely`) or SIGKILL, start it again on its port, and wait until it
        answers.

        Raises RuntimeError without a separate relay.
        """
        if self._relay is None:
            raise RuntimeError("expected an agent with a separate relay; this one has a relay in its own process")
        await self._relay.restart(politely=politely)

    # -- used by the runner

    @property
    def alive(self) -> bool:
        """Whether the process that was started is running: the keeper, or without a keeper the agent."""
        return self._process.returncode is None

    async def ready(self, ready_file: Path, *, older: bool = False) -> None:
        """Wait until the agent has written `ready_file`, so that phones can pair. Raises TargetFailed, StateError.

        With `older`, the processes may be of a revision that can't be counted from inside.
        """
        if self._relay is not None:
            await self._relay.sign_in(self.log_file)
        try:
            async with asyncio.timeout(START_SECONDS):
                while not ready_file.exists():
                    self.check_alive()
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise TargetFailed(f"expected the agent to be ready within {START_SECONDS:g} s; {self.log_end()}") from None
        ready = json.loads(ready_file.read_text())
        self.relay_url, self.device_id = str(ready["relay_url"]), str(ready["device_id"])
        self.agent_pid = int((await self.ask("status"))["agent_pid"])
        self.others = [await process.prepared(older=older) for process in self.others]

    @property
    def keeper_pid(self) -> int:
        """The process id of the keeper. Without a keeper, it is that of the agent."""
        return self._process.pid

    @property
    def log_file(self) -> Path:
        """The file with the agent's output."""
        return self.folder / "agent.log"

    def check_alive(self) -> None:
        """Raise TargetFailed if the agent has ended or its keeper has restarted it."""
        if not self.alive:
            raise TargetFailed(f"the agent ended with status {self._process.returncode}; {self.log_end()}")
        if self.agent_pid and not outside.is_alive(self.agent_pid):
            raise TargetFailed(f"the agent crashed and its keeper restarted it; {self.log_end()}")

    async def check_for(self, seconds: float) -> None:
        """Repeat `check_alive` for `seconds` seconds, because phones notice the end of an agent before its parent does.

        Raises TargetFailed.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    self.check_alive()
                    await asyncio.sleep(0.05)

    def log_end(self) -> str:
        """Return the end of the agent's output, for error messages."""
        with suppress(OSError):
            return f"its output ends with:\n{self.log_file.read_bytes()[-LOG_SHOWN:].decode(errors='replace')}"
        return "it printed nothing"

    async def values(self) -> tuple[dict[str, float], list[dict[str, Any]]]:
        """Count the agent and its other processes once, from inside and outside. Raises StateError, TargetFailed.

        Return the values of all processes by gauge name, and the entries of the agent's ledger.
        """
        self.check_alive()
        sample = await self.ask("soak.sample")
        if sample["pid"] != self.agent_pid:
            raise TargetFailed(f"the agent crashed and its keeper restarted it; {self.log_end()}")
        values = {**sample["values"], **await asyncio.to_thread(self._outside)}
        for process in self.others:
            values.update(await process.values())
        return values, sample["bounds"]

    def _outside(self) -> dict[str, float]:
        return {
            **outside.process_values(self.agent_pid, "agent"),
            **outside.budgets(self.agent_pid),
            **outside.map_values(self.agent_pid),
            **outside.family_values(self.folder / "tmp", {self.agent_pid, *self._counted()}),
            **outside.zombies(self._process.pid),
            **outside.disk_values({"temporary": self.folder / "tmp", "state": self.state_dir}),
        }

    def _counted(self) -> list[int]:
        return [process.pid() for process in self.others if process.inside]

    async def stop(self) -> None:
        """Stop the agent with SIGTERM, kill it if it does not end, and kill all processes that it left."""
        if self.alive:
            self._process.terminate()
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        for process in outside.marked(self.folder / "tmp"):
            with suppress(Exception):
                process.kill()


@asynccontextmanager
async def agent_under_test(
    folder: Path,
    settings: Path,
    options: Sequence[str] = (),
    *,
    separate_relay: bool = False,
    relay_restarts: bool = False,
    plant: str | None = None,
    installation: Installation = HERE,
    variables: Mapping[str, str] | None = None,
) -> AsyncIterator[AgentUnderTest]:
    """Start `mobifai serve` in the new directory `folder`, and yield the agent once phones can pair.

    `settings` is the path of the settings file, and `options` are further options of `mobifai serve`. With `plant`,
    this leak is planted before the agent is yielded. A separate relay is not counted from inside if `relay_restarts` is
    set. The environment is that of `child_environment` plus `variables`. Raises TargetFailed, StateError.
    """
    folder.mkdir(parents=True)
    make_folders(folder)
    environment = {**installation.environment(folder), **EXACT_HEAP, RUN_VARIABLE: folder.name, **(variables or {})}
    ready_file = folder / "ready.json"
    async with AsyncExitStack() as scope:
        relay = None
        if separate_relay:
            relay = await scope.enter_async_context(SeparateRelay(folder, settings, environment, installation))
        place = ["--relay", relay.url, "--e2e", "allow", "--ice-server", NOBODY] if relay else ["--port", "0"]
        words = ["--config", settings, "serve", "--state-dir", folder / "state", "--ready-file", ready_file, *place]
        with (folder / "agent.log").open("ab") as out:
            process = await asyncio.create_subprocess_exec(
                *installation.command,
                *map(str, words),
                *options,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=environment,
                cwd=folder,
                start_new_session=True,
            )
        agent = AgentUnderTest(
            folder, process, relay, relay_restarts=relay_restarts, with_keeper="--no-keeper" not in options
        )
        scope.push_async_callback(agent.stop)
        await agent.ready(ready_file, older=installation.path is not None)
        if plant is not None:
            await agent.ask_in(planted(plant).process, "soak.plant", {"name": plant})
        yield agent


NOBODY = "stun:nowhere.invalid:3478"
"""An invalid STUN server.

With a separate relay, an agent would otherwise send requests to a public STUN server.
"""
