"""Builds the relay from its parts, and runs it for the length of a scope.

The relay owns the listening socket, the state on disk, the connections and the timer. They are closed in the reverse
order of their creation.
"""

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mobifai.bounds import BoundedMap, Ledger
from mobifai.clocks import elapsed
from mobifai.config import RelayConfig
from mobifai.errors import StateError
from mobifai.limits import RELAY_SOCKETS
from mobifai.problems import Problems
from mobifai.protocol.codes import ClientKind
from mobifai.protocol.relay_pairing import RelayRegistry
from mobifai.relay.addresses import local_url, public_urls
from mobifai.relay.connection_slots import KnownAddresses
from mobifai.relay.devices import DeviceInfo, RelayDevices
from mobifai.relay.event_dispatcher import EventDispatcher
from mobifai.relay.listener import Listener, bind
from mobifai.relay.local_connection import LocalConnection
from mobifai.relay.signin import IssuedInvitation, SignIn
from mobifai.relay.socketio_endpoint import Connections, SocketIOEndpoint
from mobifai.relay.store import OWNER, RelayStore
from mobifai.relay.tokens import Tokens, load_secret
from mobifai.state import private_directory

if TYPE_CHECKING:
    from aiohttp import web

TICK_SECONDS = 1.0
"""Interval at which the relay checks for handshakes and connections that take too long."""

NOTE_SECONDS = 3600.0
"""Interval at which the relay stores which devices are connected, in case it is killed."""

log = logging.getLogger(__name__)


class Relay:
    """A running relay. `port` is its listening port; `sign_in` authenticates devices."""

    def __init__(self, config: RelayConfig, port: int, sign_in: SignIn, components: "_Components") -> None:
        self.port = port
        self._config = config
        self.sign_in = sign_in
        self._components = components

    @property
    def local_url(self) -> str:
        """The URL at which this machine reaches the relay."""
        return local_url(self._config.host, self.port)

    def find_urls(self) -> list[str]:
        """Return the URLs at which phones may reach this relay now, at least one, the most likely to work first."""
        return [self._config.public_url] if self._config.public_url else public_urls(self._config.host, self.port)

    def devices(self, account: str = OWNER) -> list[DeviceInfo]:
        """Return an account's paired devices, oldest first."""
        return self._components.devices.known(account)

    async def revoke(self, device_id: str, account: str = OWNER) -> None:
        """Revoke and disconnect a device now, and notify the account's agents.

        Raises SignInRefused for an unknown device.
        """
        self._components.devices.revoke(account, device_id)

    def add_account(self, name: str) -> IssuedInvitation:
        """Add an account. Return an invitation for its first agent.

        Raises AccountError if the name is invalid or taken, LimitReached if there are too many accounts.
        """
        return self.sign_in.invite(ClientKind.AGENT, self.sign_in.accounts.add(name).name)

    def remove_account(self, name: str) -> None:
        """Remove an account, and disconnect its devices. Raises AccountError if that is not possible."""
        self.sign_in.accounts.remove(name)
        self._components.dispatcher.end_account(name)

    def local(self, seat: int = 0) -> AbstractContextManager[LocalConnection]:
        """Return a context manager of a connection for the device in this process.

        Each connection can pair with one phone; `seat` numbers them from 0. Entering the context raises LimitReached.
        """
        return self._components.endpoint.local(seat)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        config: RelayConfig,
        state_dir: Path,
        ledger: Ledger,
        *,
        shared: bool = False,
        allowed_hosts: tuple[str, ...] = (),
        problems: Problems | None = None,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = elapsed,
    ) -> AsyncIterator["Relay"]:
        """Run a relay for the length of a scope. Raises StateError if the port or the state directory can't be used.

        A `shared` relay is standalone, and has accounts to which agents sign in. A relay that is not shared serves the
        agent of this process. `allowed_hosts` are added to those of `config`. `now` returns seconds since the epoch.
        """
        async with AsyncExitStack() as stack:
            listening = bind(config)
            stack.callback(listening.close)
            private_directory(state_dir)
            store = stack.enter_context(RelayStore.open(state_dir, problems))
            tokens = Tokens(load_secret(state_dir, problems=problems))
            sign_in = SignIn(store, tokens, ledger, shared=shared, now=now, monotonic=monotonic)
            stack.callback(sign_in.close)
            place = replace(config, allowed_hosts=(*config.allowed_hosts, *allowed_hosts))
            connections: Connections = BoundedMap(stack.enter_context(ledger.bound(RELAY_SOCKETS)))
            components = _Components(place, store, sign_in, connections, ledger, now, monotonic)
            stack.callback(components.known.close)
            stack.push_async_callback(components.close_http)
            stack.push_async_callback(components.endpoint.close)
            await stack.enter_async_context(components.listener.listen(components.open_http, listening))
            await stack.enter_async_context(_ticking(components.tick))
            yield cls(config, listening.getsockname()[1], sign_in, components)


class _Components:
    """The components of a relay that depend on each other: connections, dispatcher, registry and HTTP server."""

    def __init__(
        self,
        config: RelayConfig,
        store: RelayStore,
        sign_in: SignIn,
        connections: Connections,
        ledger: Ledger,
        now: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._config = config
        self._store = store
        self._sign_in = sign_in
        self._now = now
        self._monotonic = monotonic
        self._note_at = monotonic() + NOTE_SECONDS
        self._runner: web.AppRunner | None = None
        self.known = KnownAddresses(ledger)
        self.listener = Listener(ledger, config.trusted_proxies, self.known, monotonic)
        registry = RelayRegistry(ledger, lambda: secrets.token_hex(32))
        self.dispatcher = EventDispatcher(registry, sign_in, connections, ledger, monotonic)
        self.endpoint = SocketIOEndpoint(
            ledger,
            connections,
            self.dispatcher,
            monotonic,
            known=self.known,
            opened=self.listener.http_connections.release,
        )
        self.devices = RelayDevices(sign_in, self.dispatcher)

    async def open_http(self) -> "web.Server":
        """Import and set up the HTTP server, and return aiohttp's factory of connection handlers."""
        from mobifai.relay.app import make_runner  # noqa: PLC0415 - see there
        from mobifai.relay.routes import HttpRoutes  # noqa: PLC0415

        http = HttpRoutes(self._store, self._sign_in, self.dispatcher, self.devices, self._now)
        self._runner = make_runner(http, self.endpoint, self._config, self.listener.http_connections.note_request)
        await self._runner.setup()
        if self._runner.server is None:
            raise StateError("the relay's HTTP server is not set up; see the log")
        return self._runner.server

    async def close_http(self) -> None:
        """Close the HTTP server, and end the requests that are still handled."""
        if self._runner is not None:
            await self._runner.cleanup()

    def tick(self) -> None:
        """End handshakes and connections that take too long. Every NOTE_SECONDS, store which devices are connected."""
        now = self._monotonic()
        self.dispatcher.expire(now)
        self.listener.http_connections.expire(now)
        if now >= self._note_at:
            self._note_at = now + NOTE_SECONDS
            self.dispatcher.note_connected()


@asynccontextmanager
async def _ticking(tick: Callable[[], None]) -> AsyncIterator[None]:
    task = asyncio.create_task(_tick_repeatedly(tick), name="relay tick")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _tick_repeatedly(tick: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(TICK_SECONDS)
        try:
            tick()
        except Exception:
            log.exception("the relay's periodic check failed; trying again in %g s", TICK_SECONDS)
