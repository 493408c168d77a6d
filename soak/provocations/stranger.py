"""A client of the relay that uses raw HTTP and WebSocket frames, and needs so little that hundreds can run.

Owns one TCP connection. It can use any loopback address. It reads only if it is asked to.
"""

import asyncio
import json
import socket
import struct
from contextlib import suppress
from typing import Any, Self
from urllib.parse import urlsplit

_PATH = "/socket.io/?EIO=4&transport=websocket"
_TEXT, _MASKED = 0x81, 0x80
_SHORT, _MEDIUM = 125, 0xFFFF
PATIENCE = 20.0
"""Timeout in seconds of an answer, long enough for a busy machine."""


class RawRelayClient:
    """One connection to the relay, from the local `address`, with a receive buffer of `receive_bytes`.

    The system chooses an address or a size that is None.
    """

    def __init__(self, url: str, address: str | None = None, receive_bytes: int | None = None) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._address = address
        self._receive_bytes = receive_bytes
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Connect by TCP. Raises OSError."""
        connection = socket.socket()
        try:
            connection.setblocking(False)
            if self._receive_bytes is not None:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_bytes)
            if self._address is not None:
                connection.bind((self._address, 0))
            await asyncio.get_running_loop().sock_connect(connection, (self._host, self._port))
            self._reader, self._writer = await asyncio.open_connection(sock=connection)
        except BaseException:
            connection.close()
            raise

    async def close(self) -> None:
        """Close the connection immediately."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()

    async def ended(self) -> None:
        """Wait until the relay has closed the connection. Raises TimeoutError."""
        assert self._reader is not None  # noqa: S101 - it is open
        with suppress(OSError):
            async with asyncio.timeout(PATIENCE):
                while await self._reader.read(1 << 16):
                    pass

    def deaf(self) -> None:
        """Stop reading from the relay, whose data then fills the buffers."""
        assert self._writer is not None  # noqa: S101 - it is open
        self._writer.transport.pause_reading()  # type: ignore[attr-defined]

    # -- HTTP

    async def request(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
        """Send one request and return the status and the body of its answer. Raises OSError, TimeoutError.

        In the names of `headers`, `_` stands for `-`.
        """
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._host}:{self._port}", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        await self.write(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
        head = await self._head()
        length = next((int(line[15:]) for line in head if line.lower().startswith("content-length:")), 0)
        assert self._reader is not None  # noqa: S101
        async with asyncio.timeout(PATIENCE):
            return int(head[0].split()[1]), await self._reader.readexactly(length)

    async def write(self, data: bytes) -> None:
        """Send raw bytes. Raises OSError."""
        assert self._writer is not None  # noqa: S101
        self._writer.write(data)
        await self._writer.drain()

    async def _head(self) -> list[str]:
        assert self._reader is not None  # noqa: S101
        async with asyncio.timeout(PATIENCE):
            return (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")

    # -- WebSocket and Socket.IO

    async def upgrade(self) -> None:
        """Upgrade to a WebSocket. Raises ConnectionError if the relay refuses."""
        head = [f"GET {_PATH} HTTP/1.1", f"Host: {self._host}:{self._port}", "Connection: Upgrade"]
        head += ["Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: c3RyYW5nZXJzdHJhbmdlcg=="]
        await self.write(("\r\n".join(head) + "\r\n\r\n").encode())
        try:
            answer = await self._head()
        except asyncio.IncompleteReadError:
            raise ConnectionResetError("expected the relay to accept a WebSocket; found a closed connection") from None
        if " 101 " not in answer[0]:
            raise ConnectionRefusedError(f"expected the relay to accept a WebSocket; found {answer[0]!r}")

    async def send(self, text: str) -> None:
        """Send one text frame, masked with zeros. Raises OSError."""
        data = text.encode()
        await self.write(frame_head(len(data)) + data)

    async def emit(self, event: str, payload: Any) -> None:
        """Send a Socket.IO event. Raises OSError."""
        await self.send("42" + json.dumps([event, payload], separators=(",", ":")))

    async def receive(self) -> str:
        """Return the next frame as text. Raises OSError, IncompleteReadError, TimeoutError."""
        assert self._reader is not None  # noqa: S101
        async with asyncio.timeout(PATIENCE):
            _, size = await self._reader.readexactly(2)
            if size == _SHORT + 1:
                (size,) = struct.unpack("!H", await self._reader.readexactly(2))
            elif size > _SHORT + 1:
                (size,) = struct.unpack("!Q", await self._reader.readexactly(8))
            return (await self._reader.readexactly(size)).decode(errors="replace")

    async def until(self, *events: str) -> tuple[str, Any]:
        """Return the first of these events that arrives, with its payload. Raises the same errors as `receive`."""
        while True:
            text = await self.receive()
            if text.startswith("42"):
                event, *arguments = json.loads(text[2:])
                if event in events:
                    return event, arguments[0] if arguments else None

    async def register(self, token: str | None, device_id: str, *features: str) -> str:
        """Open a Socket.IO session and register as a phone. Return the name of the event that answers.

        The event is `authenticated`, `login_required`, `auth_error` or `error`. Raises OSError and the errors of
        `receive`.
        """
        await self.upgrade()
        await self.send("40")
        listed = {"features": list(features)} if features else {}
        who = {"type": "mobile", "deviceId": device_id, "deviceName": "stranger", "publicKey": "04" + "ab" * 64}
        await self.emit("register", {**who, **listed, **({"token": token} if token else {})})
        event, _ = await self.until("authenticated", "login_required", "auth_error", "error")
        return event


def frame_head(size: int) -> bytes:
    """Return the header of a text frame of `size` bytes with a mask of zeros."""
    if size <= _SHORT:
        return struct.pack("!BBI", _TEXT, _MASKED | size, 0)
    if size <= _MEDIUM:
        return struct.pack("!BBHI", _TEXT, _MASKED | 126, size, 0)
    return struct.pack("!BBQI", _TEXT, _MASKED | 127, size, 0)
