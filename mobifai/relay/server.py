"""The embedded relay: everything of this house, wired, for the length of a scope.

Owns the listening socket, the state on disk, the connections and the one timer; the last opened is the first closed.
"""

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from mobifai.bounds import Bound, Ledger
from mobifai.config import RelayConfig
from mobifai.errors import StateError
from mobifai.limits import RELAY_SETTINGS
from mobifai.protocol.rooms import Rooms
from mobifai.relay.connection import Connection
from mobifai.relay.endpoint import PATH, Endpoint
from mobifai.relay.guard import Guard, add_headers
from mobifai.relay.http import MOST_BODY_BYTES, Http, KnownDevice
from mobifai.relay.listener import Listener, bind
from mobifai.relay.local import LocalConnection
from mobifai.relay.signin import OWNER, SignIn
from mobifai.relay.sockets import Sockets
from mobifai.relay.store import Store
from mobifai.relay.tokens import Tokens, load_secret
from mobifai.state import private_directory

TICK_SECONDS = 1.0
"""How exactly handshakes and silent connections are timed."""
KEEP_ALIVE_SECONDS = 15.0
"""How long a browser may keep a connection for its next request."""
CUT_SECONDS = 0.5
"""How long a plain request has to end when the relay closes."""

log = logging.getLogger(__name__)


class Relay:
    """An open relay. `host` and `port` are where it listens; `sign_in` lets devices in."""

    def __init__(self, host: str, port: int, sign_in: SignIn, parts: "_Parts") -> None:
        self.host = host
        self.port = port
        self.sign_in = sign_in
        self._parts = parts

    def devices(self) -> list[KnownDevice]:
        """The devices that are let in, oldest first, and whether each is connected."""
        return self._parts.http.devices()

    async def revoke(self, device_id: str) -> None:
        """Shut a device out, at once: it leaves and the agents are told. Raises SignInRefused for no device."""
        self._parts.http.revoke(device_id)

    def local(self) -> AbstractContextManager[LocalConnection]:
        """A connection for a device in this process, for the length of a scope. Entering raises LimitReached."""
        return self._parts.endpoint.local(self._parts.sockets)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        config: RelayConfig,
        state_dir: Path,
        ledger: Ledger,
        *,
        allowed_hosts: tuple[str, ...] = (),
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> AsyncIterator["Relay"]:
        """Listen for the length of a scope. Raises StateError for a port that is taken or a state that can't be used.

        `allowed_hosts` are names beside those of the configuration.
        """
        async with AsyncExitStack() as stack:
            listening = bind(config)
            stack.callback(listening.close)
            private_directory(state_dir)
            store = stack.enter_context(Store.open(state_dir))
            sign_in = SignIn(store, Tokens(load_secret(state_dir)), ledger, now=now, monotonic=monotonic)
            stack.callback(sign_in.close)
            parts = _Parts(store, sign_in, ledger, stack.enter_context(_settings(ledger, store)), now, monotonic)
            runner = parts.runner(Guard((*config.allowed_hosts, *allowed_hosts)))
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            stack.push_async_callback(parts.endpoint.close)
            await stack.enter_async_context(parts.listener.listen(_server(runner), listening))
            await stack.enter_async_context(_ticking(parts.tick))
            yield cls(config.host, listening.getsockname()[1], sign_in, parts)


class _Parts:
    """The connections, what they say, and the routes: made together, since each needs another."""

    def __init__(
        self,
        store: Store,
        sign_in: SignIn,
        ledger: Ledger,
        settings: Bound,
        now: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._monotonic = monotonic
        self.endpoint = Endpoint(ledger, self._on_event, self._on_end, monotonic)
        connections = self.endpoint.connections
        self.sockets = Sockets(Rooms(ledger, lambda: secrets.token_hex(32)), sign_in, connections)
        self.http = Http(store, sign_in, self.sockets, settings, now)
        self.listener = Listener(ledger, self.endpoint.count_sockets, monotonic)

    async def _on_event(self, connection: Connection, event: str, arguments: tuple[object, ...]) -> None:
        await self.sockets.on_event(connection, event, arguments, self._monotonic())

    def _on_end(self, connection: Connection | LocalConnection) -> None:
        self.sockets.on_end(connection)

    def runner(self, guard: Guard) -> web.AppRunner:
        """The HTTP server, not set up yet."""
        middlewares: list[Middleware] = [self._note_request(), guard.middleware()]
        app = web.Application(middlewares=middlewares, client_max_size=MOST_BODY_BYTES)
        app.add_routes([*self.http.routes(), web.get(PATH, self.endpoint.serve, allow_head=False)])
        app.on_response_prepare.append(add_headers)
        return web.AppRunner(
            app,
            handle_signals=False,
            access_log=None,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            shutdown_timeout=CUT_SECONDS,
        )

    def _note_request(self) -> Middleware:
        @web.middleware
        async def note_request(request: web.Request, handler: Handler) -> web.StreamResponse:
            self.listener.heard(request)
            return await handler(request)

        return note_request

    def tick(self) -> None:
        """End what takes too long."""
        now = self._monotonic()
        self.sockets.expire(now)
        self.listener.expire(now)


@contextlib.contextmanager
def _settings(ledger: Ledger, store: Store) -> Iterator[Bound]:
    with ledger.bound(RELAY_SETTINGS) as bound:
        bound.set(len(store.settings(OWNER).encode()))
        yield bound


@asynccontextmanager
async def _ticking(tick: Callable[[], None]) -> AsyncIterator[None]:
    task = asyncio.create_task(_tick_for_ever(tick), name="relay tick")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _tick_for_ever(tick: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(TICK_SECONDS)
        try:
            tick()
        except Exception:
            log.exception("the relay's timer failed")


def _server(runner: web.AppRunner) -> web.Server:
    server = runner.server
    if server is None:
        raise StateError("expected an HTTP server that is set up; found none")
    return server
