"""One device's connection: what waits for it, its pings, and its end.

Owns the outbox and the ping task of one WebSocket. It knows no account and no peer.
"""

import asyncio
import contextlib
import sys
import weakref
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextvars import ContextVar

import engineio
import engineio.packet
import socketio.packet
from aiohttp import WSCloseCode, WSMsgType, web

from mobifai.bounds import Bound
from mobifai.protocol import messages as wire
from mobifai.relay.outbox import Outbox
from mobifai.relay.packets import StrictPacket, is_packet

PING_SECONDS = 10.0
SILENT_SECONDS = 10.0
"""A device that says nothing for this long after a ping, while the relay listens to it, is gone."""
STALL_SECONDS = 10.0
"""How long one packet may take to leave; a device that reads slower than that is dropped."""
CLOSE_SECONDS = 1.0
"""How long a device has to answer the closing of its WebSocket."""


class Connection:
    """A device on a WebSocket, signed in or not. `key` is its id for the rooms; `opened_at` is monotonic."""

    def __init__(self, key: str, request: web.Request, backlog: Bound, frame: Bound, opened_at: float) -> None:
        self.key = key
        self.address = request.remote or ""
        self.opened_at = opened_at
        self.frame = frame
        self.outbox = Outbox(backlog, frame.capacity, _size, self.abort)
        self.waiting: wire.Register | None = None
        self.signed_in = False
        self.close_code = WSCloseCode.OK
        self._transport = request.transport
        self._pings: asyncio.Task[None] | None = None

    def send(self, event: str, payload: object) -> None:
        """Queue an event. A device that let too many of them wait is dropped."""
        self._put(socketio.packet.EVENT, [event, payload])

    def disconnect(self) -> None:
        """Send what waits, tell the device that it is to stay away, and close."""
        self._put(socketio.packet.DISCONNECT, None)
        self.close(WSCloseCode.OK)

    def _put(self, kind: int, data: list[object] | None) -> None:
        text = StrictPacket(kind, data=data, namespace="/").encode()
        self.outbox.put_nowait(engineio.packet.Packet(engineio.packet.MESSAGE, text))

    def close(self, code: WSCloseCode) -> None:
        """Send what waits and close. The device may come back at once."""
        if not self.outbox.ended:
            self.close_code = code
        self.outbox.finish()

    def abort(self) -> None:
        """Drop the device and what waits for it, now."""
        self.outbox.clear()
        if self._transport is not None:
            self._transport.abort()

    def start_pings(self) -> asyncio.Task[None]:
        """Ping from now on, until the end."""
        if self._pings is None:
            self._pings = asyncio.create_task(self._ping(), name="relay ping")
        return self._pings

    async def _ping(self) -> None:
        while not self.outbox.ended:
            await asyncio.sleep(PING_SECONDS)
            self.outbox.put_nowait(engineio.packet.Packet(engineio.packet.PING))

    async def end(self) -> None:
        """Free everything. What could not be sent is not waited for."""
        self.outbox.clear()
        if self._transport is not None and self._transport.get_write_buffer_size():
            self._transport.abort()
        if self._pings is not None:
            self._pings.cancel()
            await asyncio.gather(self._pings, return_exceptions=True)
            self._pings = None


def _size(packet: engineio.packet.Packet) -> int:
    return sys.getsizeof(packet.data)


_current: ContextVar[weakref.ref[Connection]] = ContextVar("connection")


@contextlib.contextmanager
def serving(connection: Connection) -> Iterator[None]:
    """In this scope `current` is this connection; also in the tasks that begin in it."""
    # Weak, since a cancelled timer keeps its context until it would have been due.
    token = _current.set(weakref.ref(connection))
    try:
        yield
    finally:
        _current.reset(token)


def current() -> Connection:
    """The connection that the running task serves. Engine.IO's hooks don't say for whom they are called."""
    connection = _current.get()()
    if connection is None:
        raise LookupError("expected a connection that is served; found one that has ended")
    return connection


class Socket:
    """The WebSocket as Engine.IO uses it: `wait`, `send` and `close`, each with an end."""

    def __init__(self, handler: Callable[["Socket"], Awaitable[None]], server: engineio.AsyncServer) -> None:
        self._handler = handler
        # aiohttp refuses a message that has exactly as many bytes as it is told.
        size = server.max_http_buffer_size + 1
        # Compressing hands larger messages to threads, and pays nothing on a home network.
        self._socket = web.WebSocketResponse(max_msg_size=size, compress=False, timeout=CLOSE_SECONDS)
        self._connection = current()

    async def __call__(self, environ: Mapping[str, web.Request]) -> web.StreamResponse:
        """Serve the connection to its end."""
        await self._socket.prepare(environ["aiohttp.request"])
        await self._handler(self)
        return self._socket

    async def wait(self) -> str:
        """The next frame. Raises OSError when there is none, or one that no client sends."""
        self._connection.frame.set(0)
        message = await self._socket.receive()
        if message.type is not WSMsgType.TEXT or not is_packet(message.data):
            self._connection.close(WSCloseCode.POLICY_VIOLATION)
            raise OSError(f"expected a text packet of Socket.IO; found {message.type.name}")
        self._connection.frame.set(len(message.data))
        return str(message.data)

    async def send(self, text: str) -> None:
        """Send a frame. A device that does not read it in time is dropped; then OSError."""
        try:
            async with asyncio.timeout(STALL_SECONDS):
                await self._socket.send_str(text)
        except TimeoutError:
            self._connection.abort()
            raise OSError("the device does not read") from None

    async def close(self) -> None:
        """Close from this side."""
        await self._socket.close(code=self._connection.close_code)
