"""A WebSocket client without checks (RFC 6455): it sends any bytes, at any time, as many as the kernel accepts.

Owns one TCP connection from `connect` to `close`. Frames are masked with zeros, so that masking costs nothing.
"""

import asyncio
import struct
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

HANDSHAKE = (
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {host}\r\n"
    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
SECONDS = 10.0
WRITTEN = 256 << 10
"""The most bytes that may wait for the kernel."""

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def frame(payload: bytes, opcode: int = TEXT, *, masked: bool = True) -> bytes:
    """Return one whole frame, from a client unless it is not masked."""
    mask, bit = (b"\0\0\0\0", 0x80) if masked else (b"", 0)
    length = len(payload)
    if length < 126:
        return bytes((0x80 | opcode, bit | length)) + mask + payload
    if length < 1 << 16:
        return struct.pack("!BBH", 0x80 | opcode, bit | 126, length) + mask + payload
    return struct.pack("!BBQ", 0x80 | opcode, bit | 127, length) + mask + payload


class Frames:
    """Splits a server's stream into frames."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> Iterable[tuple[int, bytes]]:
        """Return the complete frames, each with its opcode."""
        self._data += data
        at, found = 0, []
        while (taken := _whole(self._data, at)) is not None:
            opcode, begin, end = taken
            found.append((opcode, bytes(self._data[begin:end])))
            at = end
        del self._data[:at]
        return found


def _whole(data: bytearray, at: int) -> tuple[int, int, int] | None:
    if len(data) < at + 2:
        return None
    opcode, length, begin = data[at] & 0x0F, data[at + 1] & 0x7F, at + 2
    if length >= 126:
        size = 2 if length == 126 else 8
        if len(data) < begin + size:
            return None
        length, begin = int.from_bytes(data[begin : begin + size], "big"), begin + size
    return (opcode, begin, begin + length) if len(data) >= begin + length else None


class Socket(asyncio.Protocol):
    """One connection. `on_text` gets every received text; `on_end` is called once, at the end."""

    def __init__(self, on_text: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        self.on_text = on_text
        self._on_end = on_end
        self.status = 0
        """The peer's answer to the handshake."""
        self.closed = asyncio.Event()
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._head = b""
        self._frames = Frames()
        self._transport: asyncio.Transport | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    @classmethod
    async def connect(
        cls, url: str, on_text: Callable[[bytes], None], on_end: Callable[[], None], source: str | None = None
    ) -> "Socket":
        """Connect from one of this machine's addresses. Raises OSError, or TimeoutError if no WebSocket opens."""
        parts = urlsplit(url)
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(SECONDS):
            local = (source, 0) if source is not None else None
            _, made = await loop.create_connection(
                lambda: cls(on_text, on_end), parts.hostname, parts.port, local_addr=local
            )
            try:
                made.write(HANDSHAKE.format(host=parts.netloc).encode())
                await made._opened
            except BaseException:
                made.close()
                raise
        return made

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._transport.set_write_buffer_limits(high=WRITTEN)  # type: ignore[union-attr]

    def data_received(self, data: bytes) -> None:
        if not self._opened.done():
            self._head += data
            head, end, data = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            self.status = int(head[9:12]) if head[9:12].isdigit() else 0
            if self.status != 101:
                self._opened.set_exception(ConnectionRefusedError(f"no WebSocket: {head[:40]!r}"))
                return
            self._opened.set_result(None)
        for opcode, payload in self._frames.feed(data):
            if opcode == TEXT:
                self.on_text(payload)
            elif opcode == CLOSE:
                self.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.closed.set()
        self._writable.set()
        self._on_end()
        if not self._opened.done():
            self._opened.set_exception(ConnectionResetError("the connection ended before a WebSocket opened"))

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    # -- sending

    def write(self, data: bytes) -> None:
        """Send bytes unchanged."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def send_text(self, text: bytes) -> None:
        """Send a text."""
        self.write(frame(text))

    async def drain(self) -> None:
        """Wait until the kernel accepts more data. Raises TimeoutError if the peer does not read."""
        async with asyncio.timeout(SECONDS):
            await self._writable.wait()

    def close(self) -> None:
        """Close the connection. A second call has no effect."""
        if self._transport is not None:
            self._transport.abort()

    async def end(self) -> None:
        """Close the connection, and wait until it is closed."""
        self.close()
        await self.closed.wait()
