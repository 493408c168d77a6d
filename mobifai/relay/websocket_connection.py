"""The connection of one device on a WebSocket.

`WebSocketConnection` owns the WebSocket, its outbox and its pings. It writes a frame to the kernel immediately if
nothing is queued, and otherwise queues it in the outbox. It has no access to accounts and to other connections.
"""

import asyncio
import secrets
from collections.abc import Callable, Coroutine
from typing import Any

from aiohttp import WSMessage, WSMsgType, web

from mobifai.bounds import Bound
from mobifai.protocol import messages
from mobifai.relay import packets
from mobifai.relay.close_codes import CloseCode
from mobifai.relay.outbox import Outbox

PING_SECONDS = 10.0
SILENT_SECONDS = 10.0
"""How long a device may send nothing after a ping, while the relay reads. After that, the relay drops it."""
STALL_SECONDS = 10.0
"""Time limit for sending one packet; a device that reads more slowly is dropped."""
CLOSE_SECONDS = 1.0
"""Time limit for the device's part of the closing handshake."""
FRAMES_IN_A_ROW, UNSIGNED_FRAMES_IN_A_ROW = 32, 4
"""How many frames of a device are handled before other tasks run: of one that is signed in, and of one that is not."""
UNSIGNED_FRAME_BYTES = 16 << 10
"""Maximum size of a frame from a device that is not signed in: a registration with a token has about 3 KiB."""
UNSIGNED_FRAMES, UNSIGNED_FRAMES_PER_SECOND = 100, 2
"""How many frames a device may send before it is signed in: this many initially, and this many more each second. A
client that follows the protocol registers, and answers a ping every 10 s."""
WRITE_BUFFER = 32 << 10
"""High-water mark of the transport's write buffer; a larger one only delays later frames."""

_FROM_DEVICE = frozenset({WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.PING, WSMsgType.PONG})
_NO_MORE = WSMessage(WSMsgType.CLOSED, None, None)

EventCallback = Callable[["WebSocketConnection", str, tuple[object, ...]], Coroutine[Any, Any, None]]
HandledCallback = Callable[["WebSocketConnection"], None]


class WebSocketConnection:
    """A `DeviceConnection` on a WebSocket.

    `frame` counts the bytes of the frame that is being handled; its capacity is the maximum frame of a device.
    """

    def __init__(self, key: str, request: web.Request, backlog: Bound, frame: Bound, opened_at: float) -> None:
        self.key = key
        self.address = request.remote or ""
        self.in_process = False
        self.seat = 0
        self.opened_at = opened_at
        self.outbox: Outbox[bytes] = Outbox(backlog, frame.capacity, len, self.abort)
        self.pending_register: messages.Register | None = None
        self.nonce = ""
        self.signed_in = False
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._request = request
        self._frame = frame
        self._close_code = CloseCode.OK
        self._sid = secrets.token_urlsafe(15)
        self._in_namespace = False
        self._frames = 0
        self._unsigned_frames = 0
        self._ping: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None
        # aiohttp rejects a message of exactly `max_msg_size` bytes, hence the + 1. Compression would run in threads for
        # large messages, without a benefit on a home network. With writer_limit=1, each frame waits until the previous
        # one has left the write buffer. autoping is off, since aiohttp would answer any number of pings in one go.
        self._socket = web.WebSocketResponse(
            max_msg_size=frame.capacity + 1, compress=False, timeout=CLOSE_SECONDS, writer_limit=1, autoping=False
        )

    # -- what the relay does

    @property
    def in_flight(self) -> int:
        """Number of queued packets, plus one if the kernel has not accepted all written bytes."""
        transport = self._request.transport
        return len(self.outbox) + bool(transport is not None and transport.get_write_buffer_size())

    def send(self, event: str, payload: object) -> None:
        """Send the device an event now, or queue it. A full queue aborts the connection."""
        frame = packets.event_frame(event, payload)
        if not self._write_now(frame):
            self.outbox.put(frame)

    def _write_now(self, frame: bytes) -> bool:
        """Write the frame now if nothing is queued ahead of it. Return whether it was written."""
        transport = self._transport
        if transport is None or len(self.outbox) or self.outbox.ended or transport.get_write_buffer_size():
            return False
        if transport.is_closing() or self._socket.closed:
            return False
        transport.writelines((packets.header(len(frame)), frame))
        return True

    def disconnect(self) -> None:
        """Send queued packets and a Socket.IO disconnect, so that the device does not reconnect; then close."""
        self.outbox.put(packets.DISCONNECT)
        self.close(CloseCode.OK)

    def close(self, code: CloseCode) -> None:
        """Send queued packets, and close the connection. The device may reconnect."""
        if not self.outbox.ended:
            self._close_code = code
        self.outbox.finish()

    def abort(self) -> None:
        """Close the connection now, and discard queued packets."""
        self.outbox.clear()
        if self._request.transport is not None:
            self._request.transport.abort()

    # -- from its request to its end

    async def serve(self, on_event: EventCallback, on_handled: HandledCallback) -> web.StreamResponse:
        """Read and write until either side closes the connection.

        For each event, `on_event` is awaited, and then `on_handled` is called, before the next event is read.
        """
        await self._socket.prepare(self._request)
        if self._request.transport is not None:
            self._request.transport.set_write_buffer_limits(high=WRITE_BUFFER)
        most_bytes = self._frame.capacity
        self.outbox.put(packets.open_frame(self._sid, PING_SECONDS, SILENT_SECONDS, most_bytes))
        self._ping = self._loop.call_later(PING_SECONDS, self._send_ping)
        self._transport = self._request.transport
        writer = asyncio.create_task(self._write(), name="relay writer")
        try:
            await self._read(on_event, on_handled)
            self.close(CloseCode.OK)
            await writer
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
        return self._socket

    def end(self) -> None:
        """Free all resources of the connection, which has ended. Packets that could not be sent are discarded."""
        self.outbox.clear()
        if self._ping is not None:
            self._ping.cancel()
        transport = self._request.transport
        if transport is not None and transport.get_write_buffer_size():
            transport.abort()

    def _send_ping(self) -> None:
        self.outbox.put(packets.PING)
        self._ping = self._loop.call_later(PING_SECONDS, self._send_ping)

    async def _write(self) -> None:
        """Send queued packets. A device that does not read them in time is dropped."""
        try:
            while (frame := await self.outbox.get()) is not None:
                async with asyncio.timeout(STALL_SECONDS):
                    await self._socket.send_frame(frame, WSMsgType.TEXT)
            await self._socket.close(code=self._close_code)
        except (TimeoutError, OSError):
            self.abort()

    async def _read(self, on_event: EventCallback, on_handled: HandledCallback) -> None:
        """Process packets until the socket closes or the client violates the protocol."""
        while True:
            self._frame.set(0)
            text = await self._next_frame()
            if text is None:
                return
            self._frame.set(len(text))
            try:
                packet = packets.read(text)
            except ValueError:
                self.close(CloseCode.POLICY_VIOLATION)
                return
            await self._handle_packet(packet, on_event, on_handled)

    async def _next_frame(self) -> str | None:
        """Return the next text frame; None at the end, or after a frame that is not allowed."""
        try:
            async with asyncio.timeout(PING_SECONDS + SILENT_SECONDS):
                while (message := await self._receive()).type in (WSMsgType.PING, WSMsgType.PONG):
                    if message.type is WSMsgType.PING:
                        await self._socket.pong(message.data)
        except (TimeoutError, OSError):
            return None
        if message.type is WSMsgType.TEXT:
            return str(message.data)
        if message.type is WSMsgType.BINARY:
            self.close(CloseCode.POLICY_VIOLATION)
        return None

    async def _receive(self) -> WSMessage:
        """Return the next frame. The number and size of frames is limited until the device is signed in."""
        message = await self._socket.receive()
        self._frames += 1
        if self._frames % (FRAMES_IN_A_ROW if self.signed_in else UNSIGNED_FRAMES_IN_A_ROW) == 0:
            await asyncio.sleep(0)
        if message.type not in _FROM_DEVICE:
            return message
        if self.signed_in:
            self._unsigned_frames, self._began = 0, self._loop.time()
            return message
        self._unsigned_frames += 1
        allowed = UNSIGNED_FRAMES + UNSIGNED_FRAMES_PER_SECOND * (self._loop.time() - self._began)
        if self._unsigned_frames > allowed or len(message.data) > UNSIGNED_FRAME_BYTES:
            self.abort()  # a closing handshake would mean to read the rest of the flood
            return _NO_MORE
        return message

    async def _handle_packet(
        self, packet: packets.ClientPacket, on_event: EventCallback, on_handled: HandledCallback
    ) -> None:
        match packet.kind:
            case packets.PacketType.EVENT if packet.namespace == "/" and self._in_namespace:
                await on_event(self, packet.event, packet.arguments)
                on_handled(self)
                if packet.number:
                    self.outbox.put(packets.acknowledged_frame(packet.number))
            case packets.PacketType.CONNECT if packet.namespace == "/":
                self._in_namespace = True
                self.outbox.put(packets.connected_frame(self._sid))
            case packets.PacketType.CONNECT:
                self.outbox.put(packets.refused_frame(packet.namespace))
            case packets.PacketType.CLOSE:
                self.close(CloseCode.OK)
            case packets.PacketType.DISCONNECT if packet.namespace == "/":
                self.close(CloseCode.OK)
