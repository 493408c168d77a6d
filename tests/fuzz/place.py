"""The product as it is fuzzed: real processes, in a directory of their own, and what belongs to each.

Owns the processes, which are gone at the end of a scope. `own` is `mobifai serve` with its own relay; `apart` is
`mobifai relay` with `mobifai serve --relay`, and between the two somebody who can do what a hostile relay can.
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
"""An agent tries again at least every 45 s, and gives each try 15 s; a busy machine takes longer."""

KEEPER_SECONDS = 5.0
"""How long a keeper may take to answer."""

CROWD = 6
"""Agents that lose their connection at the same time: each waits a second before it comes again."""

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
        """Its control socket."""
        return StateDir(self.state_dir).control_socket

    @property
    def logs(self) -> tuple[Path, ...]:
        """Everything that it writes for people."""
        return (self.output, log_path(self.state_dir))

    @property
    def sockets(self) -> tuple[tuple[Path, int], ...]:
        """The sockets on which its processes answer questions, each with its process."""
        keeper = () if self.keeper is None else ((self._keeper_socket, self.keeper),)
        return ((self.control, self.pid), *keeper)

    @property
    def _keeper_socket(self) -> Path:
        return StateDir(self.state_dir).keeper_socket

    async def ask(self, question: str, arguments: dict[str, Any] | None = None) -> Any:
        """Ask as a command does. Raises StateError."""
        return await send_request(self.control, question, arguments)

    async def keeper_answers(self) -> None:
        """Ask its keeper, if it has one. Raises StateError when that does not answer."""
        if self.keeper is not None:
            await send_request(self._keeper_socket, "status", patience=KEEPER_SECONDS)


@dataclass
class Place:
    """Where phones and an agent meet. `relay_url` is the real relay's."""

    name: str
    relay_url: str
    agent_id: str
    agent: Product
    relay: Product | None = None
    middle: Middle | None = None
    crowd: tuple[Middle, ...] = ()
    """Who stands between further agents and the relay, each before one."""
    sign_in: Callable[[], Awaitable[None]] | None = None
    """Sign in again, as a user does when the agent lost its sign-in at the relay."""
    visitors: dict[tuple[str, bool], Visitor] = field(default_factory=dict)  # bounded by what targets ask for

    others: tuple[Product, ...] = ()

    @property
    def products(self) -> tuple[Product, ...]:
        """Every process that is fuzzed here."""
        if not self.agent.pid:
            return ()
        return (self.agent, *((self.relay,) if self.relay is not None else ()), *self.others)

    async def visitor(self, name: str, *, sealed: bool) -> Visitor:
        """A phone that was invited, once; `sealed`: it encrypts end to end."""
        key = (name, sealed)
        if key not in self.visitors:
            invitation = await self._invite(legacy=not sealed)
            seal = PhoneKeys.by_link(InvitationLink.read(str(invitation["link"]))) if sealed else None
            self.visitors[key] = Visitor(name, str(invitation["token"]), seal)
        return self.visitors[key]

    async def agent_returns(self) -> None:
        """Wait until phones can come to the agent, after whatever was done to it. Raises TimeoutError."""
        async with asyncio.timeout(RETURN_SECONDS):
            while not await self._agent_is_there():
                if self.sign_in is not None and (await self.agent.ask("status"))["relay"] == "sign-in":
                    with suppress(AssertionError):  # what it shows was a hostile relay's; the next one is real
                        await self.sign_in()
                await asyncio.sleep(0.1)

    async def _agent_is_there(self) -> bool:
        devices = (await (self.relay or self.agent).ask("devices"))["devices"]
        return any(device["deviceId"] == self.agent_id and device["connected"] for device in devices)

    async def _invite(self, *, legacy: bool) -> dict[str, Any]:
        """An invitation for a kind of phone."""
        return dict(await self.agent.ask("pair", {"legacy": True} if legacy else {}))


@asynccontextmanager
async def own_place(folder: Path) -> AsyncIterator[Place]:
    """An agent with its own relay."""
    folder.mkdir(parents=True)
    async with serving(folder / "state", "--e2e", "allow", "--shell", SHELL) as running:
        agent = await _product("agent", folder / "state", running.log)
        yield Place("own", running.relay_url, running.device_id, agent)


@asynccontextmanager
async def apart_place(folder: Path) -> AsyncIterator[Place]:
    """A relay, an agent that uses it, and somebody between the two."""
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
    """A relay and several agents that are there to lose their connection."""
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
    """Do what the agent's login page asks for, once more. Raises AssertionError when it is not a page of the relay."""
    asked = parse_qs(urlsplit(await login_url(agent)).query)
    fields = {name: values[0] for name, values in asked.items()}
    code = (await relay.invite())["code"]
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{relay.url}/login", data={**fields, "code": code}) as answer:
            assert answer.status == 200, await answer.text()


@asynccontextmanager
async def no_place(folder: Path) -> AsyncIterator[Place]:
    """Nothing: for targets that start what they need themselves."""
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
