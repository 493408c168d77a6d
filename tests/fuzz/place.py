"""The fuzzed product: real processes in a separate directory, with their keepers, sockets and logs.

Owns the processes, which are gone at the end of a scope. `own` is `mobifai serve` with its own relay; `apart` is
`mobifai relay` with `mobifai serve --relay`, with a proxy between the two that can act as a hostile relay.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp

from mobifai.control.client import send_request
from mobifai.logs.rotating_file import log_path
from mobifai.state import StateDir
from soak.phone.encryption import InvitationLink, PhoneKeys
from tests.fuzz.middle import Middle, standing_between
from tests.fuzz.phone import Visitor
from tests.integration.relays import NO_STUN, RunningRelay, login_url, relaying, sign_in
from tests.support.agent import RunningAgent, serving

RETURN_SECONDS = 90.0
"""An agent reconnects at least every 45 s, with 15 s for each attempt. A loaded machine takes longer."""

KEEPER_SECONDS = 5.0
"""Seconds that a keeper may take to answer."""

CROWD = 6
"""The number of agents that lose their connection at the same time. Each waits a second before it reconnects."""

SHELL = f"/bin/sh {Path(__file__).with_name('marker.sh')}"


@dataclass
class Product:
    """One running process that is fuzzed. `keeper` holds its shells, if it has any."""

    name: str
    state_dir: Path
    pid: int
    output: Path
    keeper: int | None = None

    @property
    def control(self) -> Path:
        """Return its control socket."""
        return StateDir(self.state_dir).control_socket

    @property
    def logs(self) -> tuple[Path, ...]:
        """Return its logs and output."""
        return (self.output, log_path(self.state_dir))

    @property
    def sockets(self) -> tuple[tuple[Path, int], ...]:
        """Return the control sockets of its processes, each with its process."""
        keeper = () if self.keeper is None else ((self._keeper_socket, self.keeper),)
        return ((self.control, self.pid), *keeper)

    @property
    def _keeper_socket(self) -> Path:
        return StateDir(self.state_dir).keeper_socket

    async def ask(self, question: str, arguments: dict[str, Any] | None = None) -> Any:
        """Send a request as a command does. Raises StateError."""
        return await send_request(self.control, question, arguments)

    async def keeper_answers(self) -> None:
        """Send its keeper a request, if it has one. Raises StateError if that does not answer."""
        if self.keeper is not None:
            await send_request(self._keeper_socket, "status", patience=KEEPER_SECONDS)


@dataclass
class Place:
    """A running relay and agent. `relay_url` is that of the real relay."""

    name: str
    relay_url: str
    agent_id: str
    agent: Product
    relay: Product | None = None
    middle: Middle | None = None
    crowd: tuple[Middle, ...] = ()
    """The proxies between further agents and the relay, one for each agent."""
    sign_in: Callable[[], Awaitable[None]] | None = None
    """Sign in again, as a user does when the agent lost its sign-in at the relay."""
    visitors: dict[tuple[str, bool], Visitor] = field(default_factory=dict)  # bounded by the targets' needs

    others: tuple[Product, ...] = ()

    @property
    def products(self) -> tuple[Product, ...]:
        """Every process that is fuzzed here."""
        if not self.agent.pid:
            return ()
        return (self.agent, *((self.relay,) if self.relay is not None else ()), *self.others)

    async def visitor(self, name: str, *, sealed: bool) -> Visitor:
        """Return an invited phone, the same one each time. `sealed`: it encrypts end to end."""
        key = (name, sealed)
        if key not in self.visitors:
            invitation = await self._invite(legacy=not sealed)
            seal = PhoneKeys.by_link(InvitationLink.read(str(invitation["link"]))) if sealed else None
            self.visitors[key] = Visitor(name, str(invitation["token"]), seal)
        return self.visitors[key]

    async def agent_returns(self) -> None:
        """Wait until phones can pair with the agent, after any attack. Raises TimeoutError."""
        async with asyncio.timeout(RETURN_SECONDS):
            while not await self._agent_is_there():
                if self.sign_in is not None and (await self.agent.ask("status"))["relay"] == "sign-in":
                    with suppress(AssertionError):  # the hostile relay sent this address; the next one is real
                        await self.sign_in()
                await asyncio.sleep(0.1)

    async def _agent_is_there(self) -> bool:
        devices = (await (self.relay or self.agent).ask("devices"))["devices"]
        return any(device["deviceId"] == self.agent_id and device["connected"] for device in devices)

    async def _invite(self, *, legacy: bool) -> dict[str, Any]:
        """Create an invitation for a kind of phone."""
        return dict(await self.agent.ask("pair", {"legacy": True} if legacy else {}))


@asynccontextmanager
async def own_place(folder: Path) -> AsyncIterator[Place]:
    """Run an agent with its own relay."""
    folder.mkdir(parents=True)
    async with serving(folder / "state", "--e2e", "allow", "--shell", SHELL) as running:
        agent = await _product("agent", folder / "state", running.log)
        yield Place("own", running.relay_url, running.device_id, agent)


@asynccontextmanager
async def apart_place(folder: Path) -> AsyncIterator[Place]:
    """Run a relay, an agent that uses it, and a proxy between the two."""
    folder.mkdir(parents=True)
    async with AsyncExitStack() as scope:
        relay = await scope.enter_async_context(relaying(folder / "relay"))
        middle = await scope.enter_async_context(standing_between(relay.url))
        options = ("--relay", middle.url, *NO_STUN, "--e2e", "allow", "--shell", SHELL)
        running = await scope.enter_async_context(serving(folder / "state", *options, ready=False))
        await sign_in(running, relay)
        agent = await _product("agent", folder / "state", running.log)
        product = await _product("relay", folder / "relay", folder / "relay.log")
        yield Place(
            "apart",
            relay.url,
            running.device_id,
            agent,
            product,
            middle,
            sign_in=lambda: signed_in_again(running, relay),
        )


@asynccontextmanager
async def reconnecting_place(folder: Path) -> AsyncIterator[Place]:
    """Run a relay and several agents whose connections are cut."""
    async with apart_place(folder) as place, AsyncExitStack() as scope:
        assert place.relay is not None
        relay = RunningRelay(None, place.relay.state_dir, place.relay_url)  # type: ignore[arg-type] - not to be stopped
        agents, crowd = [], []
        for number in range(CROWD):
            middle = await scope.enter_async_context(standing_between(place.relay_url))
            options = ("--relay", middle.url, *NO_STUN, "--no-keeper", "--shell", SHELL, "--time-scale", "50")
            state = folder / f"crowd-{number}"
            running = await scope.enter_async_context(serving(state, *options, ready=False))
            await sign_in(running, relay)
            agents.append(await _product(f"agent {number}", state, running.log))
            crowd.append(middle)
        yield replace(place, name="reconnecting", crowd=tuple(crowd), others=tuple(agents))


async def signed_in_again(agent: RunningAgent, relay: RunningRelay) -> None:
    """Sign in again on the agent's login page. Raises AssertionError if it is not a page of the relay."""
    asked = parse_qs(urlsplit(await login_url(agent)).query)
    fields = {name: values[0] for name, values in asked.items()}
    code = (await relay.invite())["code"]
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{relay.url}/login", data={**fields, "code": code}) as answer:
            assert answer.status == 200, await answer.text()


@asynccontextmanager
async def no_place(folder: Path) -> AsyncIterator[Place]:
    """Run nothing, for targets that start their own processes."""
    folder.mkdir(parents=True)
    yield Place("none", "", "", Product("none", folder, 0, folder / "log"))


PLACES = {
    "none": no_place,
    "aside": own_place,
    "own": own_place,
    "apart": apart_place,
    "reconnecting": reconnecting_place,
}


async def _product(name: str, state_dir: Path, output: Path) -> Product:
    status = await send_request(StateDir(state_dir).control_socket, "status")
    pid = status.get("agent_pid") or status["relay_pid"]
    return Product(name, state_dir, pid, output, status.get("keeper_pid"))
