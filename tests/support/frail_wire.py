"""A wire to a server that breaks when a test says so: with a word (connections close) or without one (nothing arrives).

Owns its port and the connections through it. While it is down, connections are refused or, without a word, swallowed.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

CHUNK_BYTES = 1 << 16


class FrailWire:
    """An intact wire. `url` is the address of its near end."""

    def __init__(self, url: str) -> None:
        there = urlsplit(url)
        self._there = there.hostname, there.port
        self._whole = asyncio.Event()
        self._whole.set()
        self._refuses = False
        self._lines: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.url = ""
        self.connections = 0

    async def __aenter__(self) -> "FrailWire":
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=CHUNK_BYTES)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        await self.cut()

    async def cut(self) -> None:
        """Close every connection through it, both ends; new ones go through unless it `refuse`s."""
        lines = [*self._lines]
        for line in lines:
            line.cancel()
        await asyncio.gather(*lines, return_exceptions=True)

    def silence(self) -> None:
        """Drop everything silently from now on. These messages are lost with their connection."""
        self._whole.clear()

    async def refuse(self) -> None:
        """Close all connections, and refuse new ones until `mend`."""
        self._refuses = True
        await self.cut()

    async def mend(self) -> None:
        """Work again. The silent connections end now, like those of a phone after its sleep."""
        if not self._whole.is_set():
            await self.cut()
        self._refuses = False
        self._whole.set()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._lines.add(task)
        try:
            if not self._refuses:
                self.connections += 1
                with suppress(asyncio.CancelledError):  # asyncio's server of 3.11 treats it as an error
                    await self._joined(reader, writer)
        finally:
            self._lines.discard(task)
            await _closed(writer)

    async def _joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._whole.wait()
        try:
            out, back = await asyncio.open_connection(*self._there)
        except OSError:
            return
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._carry(reader, back))
                both.create_task(self._carry(out, writer))
        except* OSError:  # one end is closed
            pass
        finally:
            await _closed(back)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK_BYTES):
            await self._whole.wait()
            writer.write(data)
            await writer.drain()
        await self._whole.wait()
        writer.write_eof()


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


@asynccontextmanager
async def frail_wire(url: str) -> AsyncIterator[FrailWire]:
    """Run a wire to this server in this scope."""
    async with FrailWire(url) as wire:
        yield wire
