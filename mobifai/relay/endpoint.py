"""The Socket.IO endpoint: every connection of a device, and python-socketio made to stay within limits.

Owns the connections. Its server is used for the protocol alone: Engine.IO's queue without an end, its pings that count
a pong as missing while nobody listens for it, and its binary packets are replaced by what `connection`, `outbox` and
`packets` have. What an event means is for `sockets`.
"""

import asyncio
import ipaddress
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager

import engineio
import socketio
from aiohttp import WSCloseCode, web

from mobifai.bounds import BoundedMap, Ledger
from mobifai.errors import LimitReached
from mobifai.limits import RELAY_BACKLOG, RELAY_MESSAGE, RELAY_SOCKETS
from mobifai.protocol.wire_json import WireJson
from mobifai.relay.connection import PING_SECONDS, SILENT_SECONDS, Connection, Socket, current, serving
from mobifai.relay.local import Handler, LocalConnection
from mobifai.relay.outbox import Outbox
from mobifai.relay.packets import StrictPacket

PATH = "/socket.io/"
GOODBYE_SECONDS = 1.0

STRANGERS = 8
"""Connections that one address may have without being signed in: a household behind one router signs in in turn."""
"""How long the devices have to say goodbye when the relay closes; then they are cut off."""

OnEvent = Callable[[Connection, str, tuple[object, ...]], Awaitable[None]]
OnEnd = Callable[[Connection | LocalConnection], None]

# python-socketio logs every broken packet; what comes from outside is answered, not logged.
_silent = logging.getLogger(f"{__name__}.socketio")
_silent.setLevel(logging.CRITICAL + 1)


class _Engine(engineio.AsyncServer):  # type: ignore[misc]
    _async: dict[str, object]

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self._async = {**self._async, "websocket": Socket}

    def create_queue(self, *_args: object, **_kwargs: object) -> Outbox[engineio.packet.Packet]:
        return current().outbox

    def start_background_task(self, *_args: object, **_kwargs: object) -> asyncio.Task[None]:
        """Engine.IO has one background task for each connection, its ping; ours stands for it."""
        return current().start_pings()


class _Server(socketio.AsyncServer):  # type: ignore[misc]
    def _engineio_server_class(self) -> type[_Engine]:
        return _Engine


class Endpoint:
    """Serves `PATH`. `on_event` is awaited before the next event of the same connection is read."""

    def __init__(self, ledger: Ledger, on_event: OnEvent, on_end: OnEnd, monotonic: Callable[[], float]) -> None:
        self._ledger = ledger
        self._on_end = on_end
        self._monotonic = monotonic
        self._bound = ledger.open(RELAY_SOCKETS)
        self._connections: BoundedMap[str, Connection | LocalConnection] = BoundedMap(self._bound)
        self._count = 0
        self._local = 0
        self._empty = asyncio.Event()
        self._empty.set()
        self._closing = False
        self._server = _make_server(ledger.capacity(RELAY_MESSAGE), on_event)

    @property
    def connections(self) -> Mapping[str, Connection | LocalConnection]:
        """Every connection by its key, oldest first."""
        return self._connections

    def count_sockets(self) -> int:
        """How many of them are WebSockets."""
        return len(self._connections) - self._local

    @contextmanager
    def local(self, handler: Handler) -> Iterator[LocalConnection]:
        """A connection of a device in this process, for the length of a scope. Raises LimitReached."""
        most_bytes = self._ledger.capacity(RELAY_MESSAGE)
        with self._ledger.bound(RELAY_BACKLOG) as backlog:
            connection = LocalConnection(self._new_key(), backlog, most_bytes, handler, self._monotonic)
            self._keep(connection)
            self._local += 1
            try:
                yield connection
            finally:
                self._local -= 1
                self._remove(connection)
                connection.abort()
                self._note_empty()

    def _new_key(self) -> str:
        self._count += 1
        return str(self._count)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Handle one connection from its request to its end."""
        if not web.WebSocketResponse().can_prepare(request):
            raise web.HTTPBadRequest(text="expected a WebSocket; this relay has no other transport")
        with self._ledger.bound(RELAY_BACKLOG) as backlog, self._ledger.bound(RELAY_MESSAGE) as frame:
            connection = Connection(self._new_key(), request, backlog, frame, self._monotonic())
            self._add(connection)
            with serving(connection):
                return await self._serve(connection, request)

    async def _serve(self, connection: Connection, request: web.Request) -> web.StreamResponse:
        try:
            response: web.StreamResponse = await self._server.handle_request(request)
            return response
        finally:
            self._remove(connection)
            await connection.end()
            await self._forget(connection)
            self._note_empty()

    def _add(self, connection: Connection) -> None:
        if self._has_too_many(connection.address):
            raise web.HTTPServiceUnavailable(text="too many connections from this address that are not signed in")
        try:
            self._keep(connection)
        except LimitReached as full:
            raise web.HTTPServiceUnavailable(text=f"{full}; try again later") from None

    def _keep(self, connection: Connection | LocalConnection) -> None:
        if self._closing:
            raise LimitReached("the relay is closing")
        self._connections[connection.key] = connection
        self._empty.clear()

    def _has_too_many(self, address: str) -> bool:
        """Whether an address holds all the connections that a stranger may; a proxy on this machine may hold more."""
        if ipaddress.ip_address(address).is_loopback if address else True:
            return False
        unknown = [one for one in self._connections.values() if one.address == address and not one.signed_in]
        return len(unknown) >= STRANGERS

    def _remove(self, connection: Connection | LocalConnection) -> None:
        del self._connections[connection.key]
        self._on_end(connection)

    async def _forget(self, connection: Connection) -> None:
        # When a connection ends out of turn (a request cut short), Engine.IO would keep its record of it for ever.
        for sid, record in list(self._server.eio.sockets.items()):
            if record.queue is connection.outbox:
                await self._server.eio.disconnect(sid)

    def _note_empty(self) -> None:
        if not self._connections:
            self._empty.set()

    async def close(self) -> None:
        """Tell every device, then cut off those that stay."""
        self._closing = True
        for connection in list(self._connections.values()):
            connection.close(WSCloseCode.GOING_AWAY)
        if not await self._is_empty_within(GOODBYE_SECONDS):
            for connection in list(self._connections.values()):
                connection.abort()
            await self._is_empty_within(GOODBYE_SECONDS / 2)
        self._ledger.close(self._bound)

    async def _is_empty_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            return False
        return True


def _make_server(most_bytes: int, on_event: OnEvent) -> _Server:
    server = _Server(
        async_mode="aiohttp",
        async_handlers=False,
        transports=["websocket"],
        json=WireJson,
        serializer=StrictPacket,
        max_http_buffer_size=most_bytes,
        ping_interval=int(PING_SECONDS),
        ping_timeout=int(SILENT_SECONDS),
        monitor_clients=False,
        http_compression=False,
        cors_allowed_origins=[],  # the guard has looked at the origin already
        logger=_silent,
        engineio_logger=_silent,
    )

    async def handle_event(event: str, _sid: str, *arguments: object) -> None:
        await on_event(current(), event, arguments)

    async def handle_disconnect(_sid: str, _reason: str) -> None:
        current().close(WSCloseCode.OK)

    server.on("*", handle_event)
    server.on("disconnect", handle_disconnect)
    return server
