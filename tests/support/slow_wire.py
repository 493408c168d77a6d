"""A slow wire between two programs: bytes that arrive on one side leave later, in order, on the other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit


@asynccontextmanager
async def slow_wire(url: str, seconds: float) -> AsyncIterator[str]:
    """Run a wire to a server and return its address. Only bytes to the server are delayed, not its answers."""
    there = urlsplit(url)
    lines: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        out, back = await asyncio.open_connection(there.hostname, there.port)
        pair = asyncio.gather(_carry(reader, back, seconds), _carry(out, writer, 0))
        task = asyncio.current_task()
        assert task is not None
        lines.add(task)
        try:
            with suppress(ConnectionError):
                await pair
        finally:
            lines.discard(task)
            for one in (writer, back):
                one.close()
                with suppress(ConnectionError):
                    await one.wait_closed()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for line in list(lines):
            line.cancel()
        await asyncio.gather(*lines, return_exceptions=True)


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    """Forward bytes, each `seconds` after it arrived."""
    clock = asyncio.get_running_loop().time
    under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def deliver() -> None:
        while (due := await under_way.get())[1]:
            await asyncio.sleep(max(0.0, due[0] - clock()))
            writer.write(due[1])
            await writer.drain()
        writer.write_eof()

    delivering = asyncio.create_task(deliver())
    try:
        while data := await reader.read(1 << 16):
            under_way.put_nowait((clock() + seconds, data))
        under_way.put_nowait((clock(), b""))
        await delivering
    finally:
        delivering.cancel()
        await asyncio.gather(delivering, return_exceptions=True)
