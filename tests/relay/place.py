"""A relay on a free port, with clocks that a test can set."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import ClientResponse, ClientSession

from mobifai.bounds import Ledger
from mobifai.config import RelayConfig
from mobifai.protocol.codes import ClientKind
from mobifai.relay.server import Relay
from mobifai.relay.signin import IssuedInvitation
from mobifai.relay.store import OWNER
from tests.relay.device import SECONDS, Device


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self.seconds = start

    def __call__(self) -> float:
        return self.seconds

    def pass_by(self, seconds: float) -> None:
        self.seconds += seconds


class Place:
    """A running relay, with invitations."""

    def __init__(self, relay: Relay, ledger: Ledger, clock: Clock) -> None:
        self.relay = relay
        self.ledger = ledger
        self.clock = clock
        self.url = f"http://127.0.0.1:{relay.port}"

    def invite(self, kind: str = "legacy", account: str = OWNER) -> IssuedInvitation:
        """Create an invitation for one new client."""
        return self.relay.sign_in.invite(ClientKind(kind), account)

    def token(self, kind: str = "legacy", account: str = OWNER) -> str:
        """Return the token of an invitation."""
        return self.invite(kind, account).token

    @asynccontextmanager
    async def phone(self, **options: Any) -> AsyncIterator[Device]:
        """Connect a phone that is signed in."""
        options.setdefault("token", self.token())
        async with Device("mobile", **options).connected(self.url) as phone:
            await phone.sign_in(deviceName="Pixel")
            await phone.hear("available_devices")
            yield phone

    @asynccontextmanager
    async def agent(self, device_id: str = "agent-1") -> AsyncIterator[Device]:
        """Connect an agent that is signed in."""
        token = self.relay.sign_in.agent_token(device_id, "Laptop")
        async with Device("mac", device_id, token).connected(self.url) as agent:
            await agent.sign_in(deviceName="Laptop", tabCount=2)
            await agent.hear("waiting_for_peer")
            yield agent

    @asynccontextmanager
    async def ask(self, method: str, path: str, token: str = "", **options: Any) -> AsyncIterator[ClientResponse]:
        """Send one HTTP request. `unpack=False` returns the body without decompression."""
        headers = options.pop("headers", {})
        if token:
            headers = {"Authorization": f"Bearer {token}"} | headers
        async with (
            ClientSession(auto_decompress=options.pop("unpack", True)) as session,
            session.request(method, self.url + path, headers=headers, allow_redirects=False, **options) as response,
        ):
            yield response

    def entry(self, name: str) -> Any:
        """Return the ledger's figures of a limit."""
        return next(entry for entry in self.ledger.entries() if entry.name == name)


async def until(condition: Callable[[], bool]) -> None:
    """Poll a condition that has no notification."""
    async with asyncio.timeout(SECONDS):
        while not condition():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def open_place(
    state_dir: Path, limits: dict[str, int] | None = None, config: RelayConfig | None = None, **options: Any
) -> AsyncIterator[Place]:
    """Run a relay in this scope: a shared one, unless `shared=False` is given."""
    options.setdefault("shared", True)
    ledger, clock = Ledger(limits), Clock()
    async with Relay.open(
        config or RelayConfig("127.0.0.1", 0), state_dir, ledger, now=clock, monotonic=clock, **options
    ) as relay:
        yield Place(relay, ledger, clock)
