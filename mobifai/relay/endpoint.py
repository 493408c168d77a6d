"""The Socket.IO endpoint: every connection of a device, on a WebSocket or inside this process.

Owns the connections, and lets in as many as may be. What an event means is for `sockets`.
"""

import asyncio
import ipaddress
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mobifai.bounds import BoundedMap, Ledger
from mobifai.errors import LimitReached
from mobifai.limits import RELAY_BACKLOG, RELAY_MESSAGE, RELAY_SOCKETS
from mobifai.relay.closing import CloseCode
from mobifai.relay.local import Handler, LocalConnection

if TYPE_CHECKING:
    from aiohttp import web

    from mobifai.relay.connection import Connection, OnEvent

PATH = "/socket.io/"
EXPECTED = {"EIO": "4", "transport": "websocket", "sid": None}  # bounded by this line
"""What the query of a connection says of Engine.IO. One that is there already can't be taken up again."""

GOODBYE_SECONDS = 1.0
"""How long the devices have to say goodbye when the relay closes; then they are cut off."""

STRANGERS = 8
"""Connections that one address may have without being signed in: a household behind one router signs in in turn."""

OnEnd = Callable[["Connection | LocalConnection"], None]


class Endpoint:
    """Serves `PATH`. `on_event` is awaited before the next event of the same connection is read."""

    def __init__(self, ledger: Ledger, on_event: "OnEvent", on_end: OnEnd, monotonic: Callable[[], float]) -> None:
        self._ledger = ledger
        self._on_event = on_event
        self._on_end = on_end
        self._monotonic = monotonic
        self._bound = ledger.open(RELAY_SOCKETS)
        self._connections: BoundedMap[str, Connection | LocalConnection] = BoundedMap(self._bound)
        self._count = 0
        self._local = 0
        self._empty = asyncio.Event()
        self._empty.set()
        self._closing = False

    @property
    def connections(self) -> "Mapping[str, Connection | LocalConnection]":
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

    async def serve(self, request: "web.Request") -> "web.StreamResponse":
        """Handle one connection from its request to its end."""
        from aiohttp import web  # noqa: PLC0415 - it is there by now, and an agent without phones needs none

        from mobifai.relay.connection import Connection  # noqa: PLC0415

        if not web.WebSocketResponse().can_prepare(request):
            raise web.HTTPBadRequest(text="expected a WebSocket; this relay has no other transport")
        if {name: request.query.get(name) for name in EXPECTED} != EXPECTED:
            raise web.HTTPBadRequest(text="expected a new connection of Engine.IO 4, on a WebSocket")
        with self._ledger.bound(RELAY_BACKLOG) as backlog, self._ledger.bound(RELAY_MESSAGE) as frame:
            connection = Connection(self._new_key(), request, backlog, frame, self._monotonic())
            self._add(connection)
            try:
                return await connection.serve(self._on_event)
            finally:
                self._remove(connection)
                connection.end()
                self._note_empty()

    def _add(self, connection: "Connection") -> None:
        from aiohttp import web  # noqa: PLC0415

        if self._has_too_many(connection.address):
            raise web.HTTPServiceUnavailable(text="too many connections from this address that are not signed in")
        try:
            self._keep(connection)
        except LimitReached as full:
            raise web.HTTPServiceUnavailable(text=f"{full}; try again later") from None

    def _keep(self, connection: "Connection | LocalConnection") -> None:
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

    def _remove(self, connection: "Connection | LocalConnection") -> None:
        del self._connections[connection.key]
        self._on_end(connection)

    def _note_empty(self) -> None:
        if not self._connections:
            self._empty.set()

    async def close(self) -> None:
        """Tell every device, then cut off those that stay."""
        self._closing = True
        for connection in list(self._connections.values()):
            connection.close(CloseCode.GOING_AWAY)
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
