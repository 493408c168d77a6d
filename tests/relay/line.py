"""A phone line: a TCP proxy to the relay that a test can hold, so that the phone behind it stops reading."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Line:
    """The connection of one phone to the relay."""

    def __init__(self, relay_port: int) -> None:
        self.relay_port = relay_port
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._calls: set[asyncio.Task[None]] = set()
        self.url = ""

    def hold(self) -> None:
        """Read nothing from the relay from now on."""
        self._flowing.clear()

    def release(self) -> None:
        """Read again."""
        self._flowing.set()

    async def carry(self, phone_reader: asyncio.StreamReader, phone_writer: asyncio.StreamWriter) -> None:
        """Forward one connection. Its end is no error, even if the line is cut."""
        call = asyncio.create_task(self._carry(phone_reader, phone_writer))
        self._calls.add(call)
        await asyncio.wait([call])
        self._calls.discard(call)

    async def cut(self) -> None:
        """End every connection."""
        calls = list(self._calls)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    async def _carry(self, phone_reader: asyncio.StreamReader, phone_writer: asyncio.StreamWriter) -> None:
        relay_reader, relay_writer = await asyncio.open_connection(sock=_narrow(self.relay_port), limit=4096)
        up = asyncio.create_task(_pump(phone_reader, relay_writer))
        try:
            await self._down(relay_reader, phone_writer)
        finally:
            up.cancel()
            for writer in (relay_writer, phone_writer):
                writer.transport.abort()
            await asyncio.gather(up, relay_writer.wait_closed(), phone_writer.wait_closed(), return_exceptions=True)

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while True:
                await self._flowing.wait()
                data = await reader.read(4096)
                if not data:
                    return
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()


def _narrow(port: int) -> socket.socket:
    """Open a connection with small kernel buffers, so that holding the line has a quick effect."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 10)
    narrow.connect(("127.0.0.1", port))
    narrow.setblocking(False)
    return narrow


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.write_eof()


@asynccontextmanager
async def line_to(relay_port: int) -> AsyncIterator[Line]:
    """Run a line in this scope."""
    line = Line(relay_port)
    server = await asyncio.start_server(line.carry, "127.0.0.1", 0)
    line.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield line
    finally:
        server.close()
        await line.cut()


@asynccontextmanager
async def silent_connection(port: int) -> AsyncIterator[asyncio.StreamReader]:
    """A connection without requests."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
