"""A phone's connection to its relay: Socket.IO, only over WebSocket, like that of the apps.

Owns one connection from `open` to `close` or `cut`, with its HTTP session. Never reconnects.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import cast

import aiohttp
import engineio
import socketio
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from soak.phone.event_log import Json, PhoneError

CONNECT_SECONDS = 10.0
CLOSE_SECONDS = 3.0
"""How long to wait until the relay has closed its side too."""

_SILENT = logging.getLogger("soak.phone.relay")
"""A logger that discards the library's messages, because scenarios cut connections on purpose."""
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False


class TransportConnector(aiohttp.TCPConnector):
    """A connector that gives access to the transport of its last connection."""

    def __init__(self) -> None:
        super().__init__()
        self.transport: asyncio.BaseTransport | None = None

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        """Connect, and remember the transport."""
        connection = await super().connect(req, traces, timeout)
        self.transport = connection.transport
        return connection


class PhoneRelayConnection:
    """One connection to the relay. `received` is called with every event in order, and `lost` once when the connection
    is lost.
    """

    def __init__(self, received: Callable[[str, Json], None], lost: Callable[[], None]) -> None:
        self._on_event = received
        self._lost = lost
        self._session: aiohttp.ClientSession | None = None
        self._socket: socketio.AsyncClient | None = None
        self._connector: TransportConnector | None = None

    @property
    def is_up(self) -> bool:
        """Whether the connection is up."""
        return self._socket is not None and self._socket.connected

    async def open(self, url: str, token: str | None) -> None:
        """Connect to the relay. If that fails, close everything that was opened, and raise PhoneError."""
        # The client closes a session that it creates itself only if it was connected before.
        self._connector = TransportConnector()
        self._session = aiohttp.ClientSession(connector=self._connector, cookie_jar=aiohttp.DummyCookieJar())
        self._socket = self._new_socket(self._session)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._socket.connect(
                    url, auth={"token": token}, transports=["websocket"], wait_timeout=CONNECT_SECONDS / 2
                )
        except (socketio.exceptions.ConnectionError, aiohttp.ClientError, OSError) as error:
            raise PhoneError("not_connected", f"expected a relay at {url}; found none: {error}") from None
        finally:
            if not self.is_up:
                await self._end()

    def _new_socket(self, session: aiohttp.ClientSession) -> socketio.AsyncClient:
        client = socketio.AsyncClient(
            reconnection=False,
            handle_sigint=False,
            http_session=session,
            request_timeout=CLOSE_SECONDS,
            logger=_SILENT,
            engineio_logger=_SILENT,
        )
        client.on("*", self._event)
        client.on("disconnect", lambda _reason: self._lost())
        return client

    def _event(self, event: str, *arguments: Json) -> None:
        self._on_event(event, arguments[0] if arguments else None)

    async def emit(self, event: str, payload: Json) -> None:
        """Send an event and wait until it is written. Raises PhoneError."""
        client = self._socket
        if client is not None and client.connected:
            with suppress(socketio.exceptions.SocketIOError):
                await client.emit(event, payload)
                # The client's queue is unbounded, so wait until it is empty.
                await self._written(client.eio)
        if not self.is_up:
            raise PhoneError("not_connected", f"there is no connection to the relay; {event} was not sent")

    async def _written(self, engine: engineio.AsyncClient) -> None:
        writing = engine.write_loop_task
        joining = asyncio.create_task(engine.queue.join())
        try:
            await asyncio.wait({joining, writing} - {None}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            joining.cancel()
            await asyncio.wait([joining])

    async def close(self) -> None:
        """Close the connection."""
        await self._end()

    async def cut(self) -> None:
        """Cut the TCP connection without a close frame."""
        client = self._socket
        if client is not None and client.connected:
            transport = client.eio.ws.get_extra_info("socket")
            if transport is not None:  # None if the other side has closed it
                with socket.socket(fileno=os.dup(transport.fileno())) as twin, suppress(OSError):
                    twin.shutdown(socket.SHUT_RDWR)
            await self._read_to_the_end(client)
        await self._end()

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Stop reading in this scope: events of the relay are not answered, and a close by the relay is not noticed.

        Raises PhoneError if there is no open connection.
        """
        transport = cast(asyncio.ReadTransport, self._connector.transport if self._connector is not None else None)
        if transport is None or not self.is_up:
            raise PhoneError("not_connected", "expected an open connection to the relay; found none")
        transport.pause_reading()
        try:
            yield
        finally:
            transport.resume_reading()

    async def _end(self) -> None:
        client, session = self._socket, self._session
        self._socket = self._session = None
        if client is not None:
            await client.disconnect()
            await self._read_to_the_end(client)
        if session is not None:
            await session.close()

    async def _read_to_the_end(self, client: socketio.AsyncClient) -> None:
        if client.eio.read_loop_task is not None:
            await asyncio.wait([client.eio.read_loop_task], timeout=CLOSE_SECONDS)
