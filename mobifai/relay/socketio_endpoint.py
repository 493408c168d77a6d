"""The Socket.IO endpoint: accepts the connections of devices, on WebSockets and inside this process.

The endpoint enforces the limits of connections, and closes connections. It passes their events to the
`EventDispatcher`.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mobifai.bounds import BoundedMap, Ledger
from mobifai.errors import LimitReached
from mobifai.limits import RELAY_BACKLOG, RELAY_MESSAGE, RELAY_UNSIGNED
from mobifai.relay.close_codes import CloseCode
from mobifai.relay.connection_slots import THIS_PROCESS, AddressGroup, ConnectionSlots, KnownAddresses
from mobifai.relay.event_dispatcher import EventDispatcher
from mobifai.relay.local_connection import LocalConnection

if TYPE_CHECKING:
    from aiohttp import web

    from mobifai.relay.websocket_connection import WebSocketConnection

PATH = "/socket.io/"
EXPECTED_QUERY = {"EIO": "4", "transport": "websocket", "sid": None}  # bounded by this line
"""Query parameters of Engine.IO that a new connection must have. Resuming a session (`sid`) is not supported."""

GOODBYE_SECONDS = 1.0
"""How long the closing handshakes may take when the relay closes; then connections are aborted."""

MOST_UNSIGNED = 8
"""The most connections of one address that are not signed in: enough for a household behind one router."""

Connections = BoundedMap[str, "WebSocketConnection | LocalConnection"]


class SocketIOEndpoint:
    """Serves the Socket.IO connections of devices at `PATH`. It keeps the open ones in `connections`, by key.

    `known` are the addresses from which devices have signed in. `opened` is called with the request of each new
    WebSocket.
    """

    def __init__(
        self,
        ledger: Ledger,
        connections: Connections,
        dispatcher: EventDispatcher,
        monotonic: Callable[[], float],
        *,
        known: KnownAddresses | None = None,
        opened: "Callable[[web.Request], None]" = lambda _request: None,
    ) -> None:
        self._ledger = ledger
        self._known = known or KnownAddresses(ledger)
        self._opened = opened
        self._unsigned_bound = ledger.open(RELAY_UNSIGNED)
        self._unsigned: ConnectionSlots[str] = ConnectionSlots(self._unsigned_bound, MOST_UNSIGNED)
        self._connections = connections
        self._dispatcher = dispatcher
        self._monotonic = monotonic
        self._count = 0
        self._empty = asyncio.Event()
        self._empty.set()
        self._closing = False

    @contextmanager
    def local(self, seat: int) -> Iterator[LocalConnection]:
        """Yield a connection for one seat of the device in this process. Raises LimitReached if there is no room."""
        most_bytes = self._ledger.capacity(RELAY_MESSAGE)
        with self._ledger.bound(RELAY_BACKLOG) as backlog:
            opened_at = self._monotonic()
            connection = LocalConnection(self._new_key(), backlog, most_bytes, self._dispatcher, opened_at, seat)
            self._keep(connection, THIS_PROCESS)
            try:
                yield connection
            finally:
                self._remove(connection)
                connection.abort()
                self._note_empty()

    def _new_key(self) -> str:
        self._count += 1
        return str(self._count)

    async def serve(self, request: "web.Request") -> "web.StreamResponse":
        """Serve one WebSocket connection of a device, from its request to its end."""
        from aiohttp import web  # noqa: PLC0415 - loaded by now, and not needed by an agent without phones

        from mobifai.relay.websocket_connection import WebSocketConnection  # noqa: PLC0415

        try:
            is_handshake = bool(web.WebSocketResponse().can_prepare(request))
        except ValueError:  # a header that is not ASCII
            is_handshake = False
        if not is_handshake:
            raise web.HTTPBadRequest(text="expected a WebSocket handshake; this relay has no other transport")
        if {name: request.query.get(name) for name in EXPECTED_QUERY} != EXPECTED_QUERY:
            raise web.HTTPBadRequest(text="expected a new connection of Engine.IO 4 with the transport websocket")
        with self._ledger.bound(RELAY_BACKLOG) as backlog, self._ledger.bound(RELAY_MESSAGE) as frame:
            connection = WebSocketConnection(self._new_key(), request, backlog, frame, self._monotonic())
            try:
                self._admit(connection)
            except LimitReached as full:
                self._unsigned.release(connection.key)
                raise web.HTTPServiceUnavailable(text=f"{full}; try again later") from None
            try:
                self._opened(request)
                return await connection.serve(self._dispatcher.on_event, self._note_sign_in)
            finally:
                self._remove(connection)
                connection.end()
                self._note_empty()

    def _note_sign_in(self, connection: "WebSocketConnection | LocalConnection") -> None:
        """Update the slot of a connection after a device signed in or out on it.

        A signed-in connection is never evicted, and its address becomes known. A signed-out one needs a slot again, so
        that a device can't keep any number of connections by signing in once.
        """
        is_counted = connection.key in self._unsigned
        if connection.signed_in and is_counted:
            self._unsigned.release(connection.key)
            self._known.add(connection.address)
        elif not (connection.signed_in or is_counted or connection.in_process) and connection.key in self._connections:
            self._count_unsigned(connection)

    def _count_unsigned(self, connection: "WebSocketConnection | LocalConnection") -> None:
        try:
            gone: str | None = self._unsigned.acquire(connection.key, self._known.group_of(connection.address))
        except LimitReached:
            gone = connection.key
        self._make_room(gone)

    def _admit(self, connection: "WebSocketConnection") -> None:
        """Register a new WebSocket, in one of the slots of connections that are not signed in. Raises LimitReached."""
        for one in list(self._connections.values()):  # a code that is entered elsewhere signs in a connection
            self._note_sign_in(one)
        group = self._known.group_of(connection.address)
        self._make_room(self._unsigned.acquire(connection.key, group))
        self._keep(connection, group)

    def _make_room(self, gone: str | None) -> None:
        """Abort the connection with the key `gone`, which was evicted for a new one; None: nothing was evicted."""
        connection = self._connections.get(gone) if gone is not None else None
        if connection is not None:
            self._remove(connection)
            connection.abort()

    def _keep(self, connection: "WebSocketConnection | LocalConnection", group: AddressGroup) -> None:
        if self._closing:
            raise LimitReached("the relay is closing")
        if not self._connections.room:
            self._make_room(self._unsigned.pick_evicted(group, connection.key))
        self._connections[connection.key] = connection
        self._empty.clear()

    def _remove(self, connection: "WebSocketConnection | LocalConnection") -> None:
        """Remove a connection that ends, and notify the dispatcher, unless that was done before."""
        if self._connections.pop(connection.key, None) is not None:
            self._unsigned.release(connection.key)
            self._dispatcher.on_end(connection)

    def _note_empty(self) -> None:
        if not self._connections:
            self._empty.set()

    async def close(self) -> None:
        """Close every connection, and abort those that do not end in time."""
        self._closing = True
        for connection in list(self._connections.values()):
            connection.close(CloseCode.GOING_AWAY)
        if not await self._is_empty_within(GOODBYE_SECONDS):
            for connection in list(self._connections.values()):
                connection.abort()
            await self._is_empty_within(GOODBYE_SECONDS / 2)
        self._ledger.close(self._unsigned_bound)

    async def _is_empty_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            return False
        return True
