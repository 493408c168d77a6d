"""Unknown clients of a relay: real sockets from many addresses that no device of the relay has.

Linux gives a loopback all of 127.0.0.0/8, so one machine has as many addresses as a test wants.
"""

import asyncio
import base64
import contextlib
import os
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

UPGRADE = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n{more}\r\n"
)
SOCKET_PATH = "/socket.io/?EIO=4&transport=websocket"


def address(number: int) -> str:
    """Return one of a million addresses that no phone has."""
    return f"127.{64 + (number >> 16)}.{(number >> 8) & 255}.{number & 255}"


class Stranger:
    """One connection of an unknown client, which can send any bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        """Send bytes. If the relay has closed the connection, `answer` reports it."""
        with contextlib.suppress(OSError):
            self.writer.write(data)
            await self.writer.drain()

    async def answer(self, seconds: float = 10.0) -> bytes:
        """Return everything that the relay sends until it closes."""
        async with asyncio.timeout(seconds):
            try:
                return await self.reader.read()
            except OSError:
                return b""

    async def head(self, seconds: float = 10.0) -> str:
        """Return the head of the next answer, or an empty text if the relay closes instead."""
        async with asyncio.timeout(seconds):
            try:
                return (await self.reader.readuntil(b"\r\n\r\n")).decode()
            except (asyncio.IncompleteReadError, OSError):
                return ""

    async def upgrade(self, more: str = "", path: str = SOCKET_PATH) -> str:
        """Request a WebSocket, and return the head of the answer."""
        key = base64.b64encode(os.urandom(16)).decode()
        await self.send(UPGRADE.format(path=path, key=key, more=more).encode())
        return await self.head()

    def close(self) -> None:
        """Close the connection without a message."""
        self.writer.transport.abort()


def frame(opcode: int, payload: bytes = b"", *, final: bool = True, reserved: int = 0) -> bytes:
    """Return a masked WebSocket frame (RFC 6455), with a mask of zeros."""
    first = (final << 7) | (reserved << 4) | opcode
    if len(payload) < 126:
        return struct.pack("!BB4x", first, 0x80 | len(payload)) + payload
    if len(payload) < 1 << 16:
        return struct.pack("!BBH4x", first, 0x80 | 126, len(payload)) + payload
    return struct.pack("!BBQ4x", first, 0x80 | 127, len(payload)) + payload


@asynccontextmanager
async def stranger(port: int, source: str = "127.64.0.1") -> AsyncIterator[Stranger]:
    """A connection for the length of a scope."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    one = Stranger(reader, writer)
    try:
        yield one
    finally:
        one.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@asynccontextmanager
async def storm(
    port: int, addresses: int, each: int, act: Callable[[Stranger], Awaitable[object]]
) -> AsyncIterator[Callable[[], int]]:
    """Run this many unknown clients, which repeatedly connect, act and wait until they are closed.

    Yields a counter of that.
    """
    rounds = 0

    async def again_and_again(source: str) -> None:
        nonlocal rounds
        while True:
            with contextlib.suppress(OSError, TimeoutError):
                async with stranger(port, source) as one:
                    await act(one)
                    rounds += 1
                    await one.answer(60)
            await asyncio.sleep(0)

    tasks = [asyncio.create_task(again_and_again(address(number))) for number in range(addresses) for _ in range(each)]
    try:
        yield lambda: rounds
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
