"""The agent under test: `mobifai serve` as a process of its own, with its relay, and the ways to ask and to count it.

Owns those processes and their directory: whatever happens, both are gone at the end of the scope.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from mobifai.control.control_socket import send_request
from mobifai.errors import MobiFaiError, StateError
from mobifai.state import StateDir
from soak.gauges import process_stats as outside
from soak.gauges.gauge import AGENT
from soak.harness.child_environment import make_folders
from soak.harness.counted_process import CountedProcess
from soak.harness.installation import HERE, Installation
from soak.harness.relay_process import SeparateRelay
from soak.inside.questions import RUN_VARIABLE
from soak.phone.encryption import InvitationLink, PhoneKeys
from soak.plants import plant as planted

START_SECONDS = 60.0
STOP_SECONDS = 10.0
LOG_SHOWN = 4000

EXACT_HEAP: Mapping[str, str] = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=0", "MALLOC_ARENA_MAX": "1"}
"""What makes glibc's bytes in use exact: no free blocks that are kept aside for threads, and one arena."""


class TargetFailed(MobiFaiError):
    """The agent under test did not start, or died."""


class AgentUnderTest:
    """A running agent (see `world.Target`)."""

    def __init__(
        self,
        folder: Path,
        process: asyncio.subprocess.Process,
        relay: SeparateRelay | None = None,
        *,
        relay_restarts: bool = False,
        kept: bool = True,
    ) -> None:
        self.folder = folder
        self.state_dir = folder / "state"
        self.relay_url = ""
        self.device_id = ""
        self.agent_pid = 0
        self._process = process
        self._relay = relay
        self.others = self._beside(relay_restarts, kept)
        """The product's processes beside the agent."""
        self._tokens: dict[int, str] = {}  # bounded by the phones
        self._keys: dict[int, PhoneKeys] = {}  # bounded by the phones

    def _beside(self, relay_restarts: bool, kept: bool) -> list[CountedProcess]:
        state, relay = StateDir(self.state_dir), self._relay
        found = [CountedProcess("keeper", lambda: self.keeper_pid, lambda: state.keeper_socket)] if kept else []
        if relay is not None:
            found.append(CountedProcess("relay", lambda: relay.pid, lambda: relay.socket, inside=not relay_restarts))
        return found

    # -- what scenarios use

    async def ask(self, question: str, arguments: Mapping[str, object] | None = None) -> Any:
        """Ask over the control socket. Raises StateError."""
        return await send_request(StateDir(self.state_dir).control_socket, question, arguments)

    @property
    def control_socket(self) -> Path:
        """Where commands ask the agent."""
        return StateDir(self.state_dir).control_socket

    async def ask_relay(self, question: str, arguments: Mapping[str, object] | None = None) -> Any:
        """Ask the relay apart. Raises StateError, and RuntimeError when there is none."""
        if self._relay is None:
            raise RuntimeError("the relay is the agent's own")
        return await self._relay.ask(question, arguments)

    @property
    def relay_pid(self) -> int:
        """Of the relay apart; 0: there is none."""
        return self._relay.pid if self._relay else 0

    async def ask_in(self, process: str, question: str, arguments: Mapping[str, object] | None = None) -> Any:
        """Ask a process of the product by its name. Raises StateError, also where there is no such process."""
        if process == AGENT:
            return await self.ask(question, arguments)
        for one in self.others:
            if one.name == process and one.inside:
                return await one.ask(question, arguments)
        raise StateError(f"no {process} can be looked into here; there is {' and '.join(self.processes)}")

    @property
    def processes(self) -> list[str]:
        """The names of those that can be looked into."""
        return [AGENT, *(one.name for one in self.others if one.inside)]

    async def token(self, number: int, *, encrypted: bool = False) -> str:
        """The token of a phone, made once; of a legacy app, unless it is `encrypted`."""
        if number not in self._tokens:
            invitation = await self.ask("pair", {"legacy": not encrypted})
            self._tokens[number] = str(invitation["token"])
        return self._tokens[number]

    async def keys(self, number: int) -> PhoneKeys | None:
        """What a phone knows of the agent end to end: it has opened a link, once. None: the agent is an older one."""
        if number not in self._keys:
            link = (await self.ask("pair")).get("link")
            if link is None:
                return None
            self._keys[number] = PhoneKeys.by_link(InvitationLink.read(str(link)))
        return self._keys[number]

    async def restart_relay(self, *, politely: bool) -> None:
        """End the relay apart and start it again. Raises RuntimeError when there is none."""
        if self._relay is None:
            raise RuntimeError("the relay is the agent's own")
        await self._relay.restart(politely=politely)

    # -- what the runner uses

    @property
    def alive(self) -> bool:
        """Whether the process that was started runs still."""
        return self._process.returncode is None

    async def ready(self, ready_file: Path, *, older: bool = False) -> None:
        """Wait until phones can pair. Raises TargetFailed, StateError.

        An `older` revision may have processes that can't be counted from inside.
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
        told = json.loads(ready_file.read_text())
        self.relay_url, self.device_id = str(told["relay_url"]), str(told["device_id"])
        self.agent_pid = int((await self.ask("status"))["agent_pid"])
        self.others = [await process.prepared(older=older) for process in self.others]

    @property
    def keeper_pid(self) -> int:
        """Of the process that was started."""
        return self._process.pid

    @property
    def log_file(self) -> Path:
        """What the agent printed."""
        return self.folder / "agent.log"

    def check_alive(self) -> None:
        """Raise TargetFailed when the agent has ended, or the process that its keeper had started."""
        if not self.alive:
            raise TargetFailed(f"the agent ended with status {self._process.returncode}; {self.log_end()}")
        if self.agent_pid and not outside.is_alive(self.agent_pid):
            raise TargetFailed(f"the agent crashed and was started again by its keeper; {self.log_end()}")

    async def check_for(self, seconds: float) -> None:
        """The same again and again: phones see the end of an agent before its parent does. Raises TargetFailed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    self.check_alive()
                    await asyncio.sleep(0.05)

    def log_end(self) -> str:
        """The end of what it printed, for messages."""
        with suppress(OSError):
            return f"its output ends with:\n{self.log_file.read_bytes()[-LOG_SHOWN:].decode(errors='replace')}"
        return "it printed nothing"

    async def values(self) -> tuple[dict[str, float], list[dict[str, Any]]]:
        """One count from inside and outside, and the ledger's entries. Raises StateError, TargetFailed."""
        self.check_alive()
        told = await self.ask("soak.sample")
        if told["pid"] != self.agent_pid:
            raise TargetFailed(f"the agent crashed and was started again by its keeper; {self.log_end()}")
        values = {**told["values"], **await asyncio.to_thread(self._outside)}
        for process in self.others:
            values.update(await process.values())
        return values, told["bounds"]

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
        """End it; what does not end by itself is killed."""
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
    relay_apart: bool = False,
    relay_restarts: bool = False,
    plant: str | None = None,
    installation: Installation = HERE,
    variables: Mapping[str, str] | None = None,
) -> AsyncIterator[AgentUnderTest]:
    """`mobifai serve` in an empty folder, once phones can pair, with one planted leak if one is named.

    Its environment is `child_environment`, with `variables` added; `settings` is its settings file. A relay apart that
    restarts is not counted from inside. Raises TargetFailed, StateError.
    """
    folder.mkdir(parents=True)
    make_folders(folder)
    environment = {**installation.environment(folder), **EXACT_HEAP, RUN_VARIABLE: folder.name, **(variables or {})}
    ready_file = folder / "ready.json"
    async with AsyncExitStack() as scope:
        apart = SeparateRelay(folder, settings, environment, installation) if relay_apart else None
        relay = await scope.enter_async_context(apart) if apart else None
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
        agent = AgentUnderTest(folder, process, relay, relay_restarts=relay_restarts, kept="--no-keeper" not in options)
        scope.push_async_callback(agent.stop)
        await agent.ready(ready_file, older=installation.path is not None)
        if plant is not None:
            await agent.ask_in(planted(plant).process, "soak.plant", {"name": plant})
        yield agent


NOBODY = "stun:nowhere.invalid:3478"
"""No server: with a relay elsewhere an agent would ask a public one for its address."""
