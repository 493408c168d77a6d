"""The relay's HTTP connections: all connections that are not, or not yet, WebSockets.

The module owns them from the moment they are accepted. A connection is closed if its client sends no request in time,
sends an oversized request, or does not read the response. If there are too many connections, some are evicted (see
`connection_slots`).
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from mobifai.bounds import Bound, BoundedMap
from mobifai.errors import LimitReached
from mobifai.relay.connection_slots import ConnectionSlots, KnownAddresses
from mobifai.relay.forwarded_headers import Networks, is_trusted, plain_address

if TYPE_CHECKING:
    from aiohttp import web
    from aiohttp.web_protocol import RequestHandler

SILENT_SECONDS = 10.0
"""How long a client may take to send its first request."""
ANSWER_SECONDS = 120.0
"""How long a client may take to read a response."""
MOST_PER_ADDRESS = 24
"""The most HTTP connections of one address: enough for four browsers that load the page at the same time."""
MOST_REQUEST_BYTES = 128 << 10
"""Maximum size of a request in bytes, header and body together. The limit of the body alone is lower."""


class HttpConnections:
    """All HTTP connections. `bound` limits their number. `trusted` are proxies, which have no limit per address."""

    def __init__(self, bound: Bound, known: KnownAddresses, trusted: Networks, monotonic: Callable[[], float]) -> None:
        self._known = known
        self._trusted = trusted
        self._monotonic = monotonic
        self._slots: ConnectionSlots[HttpConnection] = ConnectionSlots(bound, MOST_PER_ADDRESS)
        self._connections: BoundedMap[RequestHandler, HttpConnection] = BoundedMap(bound)

    def accept(self, server: "web.Server") -> "HttpConnection":
        """Return the asyncio protocol object of a new connection. `server` makes aiohttp's handler for it."""
        return HttpConnection(self, server)

    def open(self, connection: "HttpConnection") -> None:
        """Register a connection, and evict another one if there is no free slot. Raises LimitReached."""
        gone = self._slots.acquire(
            connection,
            self._known.group_of(connection.address),
            limited=not is_trusted(connection.address, self._trusted),
        )
        if gone is not None:
            gone.abort()
        connection.since = self._monotonic()
        self._connections[connection.handler] = connection

    def close(self, connection: "HttpConnection") -> None:
        """Remove a connection that is closed or became a WebSocket."""
        self._slots.release(connection)
        if self._connections.get(connection.handler) is connection:
            del self._connections[connection.handler]

    def note_request(self, request: "web.Request") -> bool:
        """Record that a connection sent a request. Return whether its client is within its limit of connections."""
        connection = self._connections.get(request.protocol)
        if connection is None:
            return True
        connection.has_request, connection.since, connection.received = True, self._monotonic(), 0
        return self._slots.move(connection, self._known.group_of(request.remote or ""))

    def release(self, request: "web.Request") -> None:
        """Free the slot of a connection that became a WebSocket."""
        connection = self._connections.get(request.protocol)
        if connection is not None:
            connection.is_http = False
            self.close(connection)

    def expire(self, now: float) -> None:
        """Close connections that sent no request in time or do not read their response."""
        for connection in list(self._connections.values()):
            waited = now - connection.since
            if (waited > SILENT_SECONDS and not connection.has_request) or (
                waited > ANSWER_SECONDS and connection.is_stuck
            ):
                connection.abort()


class HttpConnection(asyncio.Protocol):
    """One HTTP connection, as the asyncio protocol that wraps aiohttp's handler.

    `since` is the time, in seconds of the monotonic clock, at which it was accepted or sent its last request.
    `received` is the number of bytes of the present request. `is_http` is False once it is a WebSocket.
    """

    def __init__(self, owner: HttpConnections, server: "web.Server") -> None:
        self.address = ""
        self.since = 0.0
        self.has_request = False
        self.is_http = True
        self.received = 0
        self.handler: RequestHandler = server()
        self._owner = owner
        self._transport: asyncio.Transport | None = None

    @property
    def is_stuck(self) -> bool:
        """Whether response bytes are waiting to be read by the client."""
        return self._transport is not None and self._transport.get_write_buffer_size() > 0

    def abort(self) -> None:
        """Close the connection now, and discard unsent bytes."""
        self._owner.close(self)
        if self._transport is not None:
            self._transport.abort()

    # -- asyncio's protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102
        peer = transport.get_extra_info("peername")
        self.address = plain_address(str(peer[0])) if peer else ""
        opened = cast("asyncio.Transport", transport)  # uvloop's transport is not a subclass
        try:
            self._owner.open(self)
        except LimitReached:
            opened.abort()
            return
        self._transport = opened
        self.handler.connection_made(opened)

    def data_received(self, data: bytes) -> None:  # noqa: D102
        if self._transport is None:
            return
        if self.is_http:
            self.received += len(data)
            if self.received > MOST_REQUEST_BYTES:
                self.abort()
                return
        self.handler.data_received(data)

    def eof_received(self) -> None:  # noqa: D102
        self.handler.eof_received()

    def pause_writing(self) -> None:  # noqa: D102
        self.handler.pause_writing()

    def resume_writing(self) -> None:  # noqa: D102
        self.handler.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:  # noqa: D102
        self._owner.close(self)
        if self._transport is not None:
            self._transport = None
            self.handler.connection_lost(error)
