"""One device's connection: its WebSocket, what waits for it, its pings, and its end.

Owns the outbox, the pings and what is read and written. What it is sent goes to the kernel at once where that takes it,
and waits in the outbox where not. It knows no account and no peer.
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
"""A device that says nothing for this long after a ping, while the relay listens to it, is gone."""
STALL_SECONDS = 10.0
"""How long one packet may take to leave; a device that reads slower than that is dropped."""
CLOSE_SECONDS = 1.0
"""How long a device has to answer the closing of its WebSocket."""
FRAMES_IN_A_ROW, UNSIGNED_FRAMES_IN_A_ROW = 32, 4
"""Frames of a device that are handled before others have their turn, signed in or not."""
UNSIGNED_FRAME_BYTES = 16 << 10
"""The longest frame of a device that is not signed in: a registration with a token has some 3 KiB."""
UNSIGNED_FRAMES, UNSIGNED_FRAMES_PER_SECOND = 100, 2
"""Frames that a device may send before it is signed in: at once, and later; a client answers a ping every 10 s."""
WRITE_BUFFER = 32 << 10
"""Bytes that wait in the process for the kernel to take them; more only delays what comes next."""

_FROM_DEVICE = frozenset({WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.PING, WSMsgType.PONG})
_NO_MORE = WSMessage(WSMsgType.CLOSED, None, None)

OnEvent = Callable[["WebSocketConnection", str, tuple[object, ...]], Coroutine[Any, Any, None]]


class WebSocketConnection:
    """A device on a WebSocket, signed in or not. `key` is its id for the rooms; `opened_at` is monotonic.

    `frame` counts the bytes of the frame that is being handled; its capacity is the longest that a device may send.
    """

    def __init__(self, key: str, request: web.Request, backlog: Bound, frame: Bound, opened_at: float) -> None:
        self.key = key
        self.address = request.remote or ""
        self.in_process = False
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
        # aiohttp refuses a message that has exactly as many bytes as it is told. Compressing hands larger messages to
        # threads, and pays nothing on a home network. Every frame waits for the one before to leave the write buffer.
        # Its own answers to pings are switched off, since it would answer any number of them in one go.
        self._socket = web.WebSocketResponse(
            max_msg_size=frame.capacity + 1, compress=False, timeout=CLOSE_SECONDS, writer_limit=1, autoping=False
        )

    # -- what the relay does

    @property
    def in_flight(self) -> int:
        """Packets that wait, and one for what the kernel has not taken yet."""
        transport = self._request.transport
        return len(self.outbox) + bool(transport is not None and transport.get_write_buffer_size())

    def send(self, event: str, payload: object) -> None:
        """Queue an event. A device that let too many of them wait is dropped."""
        frame = packets.event_frame(event, payload)
        if not self._write_now(frame):
            self.outbox.put(frame)

    def _write_now(self, frame: bytes) -> bool:
        """Hand a frame to the kernel at once, where nothing waits that was there before it; whether that was done."""
        transport = self._transport
        if transport is None or len(self.outbox) or self.outbox.ended or transport.get_write_buffer_size():
            return False
        if transport.is_closing() or self._socket.closed:
            return False
        transport.writelines((packets.header(len(frame)), frame))
        return True

    def disconnect(self) -> None:
        """Send what waits, tell the device that it is to stay away, and close."""
        self.outbox.put(packets.DISCONNECT)
        self.close(CloseCode.OK)

    def close(self, code: CloseCode) -> None:
        """Send what waits and close. The device may come back at once."""
        if not self.outbox.ended:
            self._close_code = code
        self.outbox.finish()

    def abort(self) -> None:
        """Drop the device and what waits for it, now."""
        self.outbox.clear()
        if self._request.transport is not None:
            self._request.transport.abort()

    # -- from its request to its end

    async def serve(self, on_event: OnEvent) -> web.StreamResponse:
        """Read and write until either side ends it. `on_event` is awaited before the next event is read."""
        await self._socket.prepare(self._request)
        if self._request.transport is not None:
            self._request.transport.set_write_buffer_limits(high=WRITE_BUFFER)
        most_bytes = self._frame.capacity
        self.outbox.put(packets.open_frame(self._sid, PING_SECONDS, SILENT_SECONDS, most_bytes))
        self._ping = self._loop.call_later(PING_SECONDS, self._send_ping)
        self._transport = self._request.transport
        writer = asyncio.create_task(self._write(), name="relay writer")
        try:
            await self._read(on_event)
            self.close(CloseCode.OK)
            await writer
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
        return self._socket

    def end(self) -> None:
        """Free everything. What could not be sent is not waited for."""
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
        """Put what waits onto the wire. A device that does not read it in time is dropped."""
        try:
            while (frame := await self.outbox.get()) is not None:
                async with asyncio.timeout(STALL_SECONDS):
                    await self._socket.send_frame(frame, WSMsgType.TEXT)
            await self._socket.close(code=self._close_code)
        except (TimeoutError, OSError):
            self.abort()

    async def _read(self, on_event: OnEvent) -> None:
        """Do what the device says, until it says nothing more, or what no client says."""
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
            await self._obey(packet, on_event)

    async def _next_frame(self) -> str | None:
        """The next text frame that is allowed; None at the end."""
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
        """The next frame. A device that is not signed in gets to send only so many, and only short ones."""
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
            self.abort()  # to close it in order would be to read the rest of the flood
            return _NO_MORE
        return message

    async def _obey(self, packet: packets.ClientPacket, on_event: OnEvent) -> None:
        match packet.kind:
            case packets.PacketType.EVENT if packet.namespace == "/" and self._in_namespace:
                await on_event(self, packet.event, packet.arguments)
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
