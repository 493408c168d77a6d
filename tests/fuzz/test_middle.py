"""The connections between an agent and its relay, as the fuzzer carries and cuts them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.fuzz.middle import Middle, standing_between
from tests.fuzz.websocket import HANDSHAKE, frame

ACCEPTED = frame(b'40{"sid":"s"}', masked=False)


class FakeRelay:
    """A relay that sends only the test's data."""

    def __init__(self) -> None:
        self.writers: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read the handshake, and keep the connection until it ends."""
        await reader.readuntil(b"\r\n\r\n")
        await self.writers.put(writer)
        await reader.read()
        writer.transport.abort()


@asynccontextmanager
async def connecting() -> AsyncIterator[tuple[Middle, FakeRelay, asyncio.StreamReader]]:
    """An agent's connection whose handshake has reached the relay."""
    relay = FakeRelay()
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, standing_between(f"http://{address}") as middle:
        host = middle.url.removeprefix("http://")
        reader, writer = await asyncio.open_connection(*host.split(":"))
        try:
            writer.write(HANDSHAKE.format(host=host).encode())
            yield middle, relay, reader
        finally:
            writer.transport.abort()


async def test_a_line_can_be_used_once_the_relay_has_accepted_it() -> None:
    async with connecting() as (middle, relay, agent), asyncio.timeout(10):
        writer = await relay.writers.get()
        opening = frame(b'0{"sid":"s"}', masked=False)
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + opening)
        await agent.readuntil(opening)
        assert middle.line is None
        writer.write(ACCEPTED)
        line = await middle.reconnected()
        line.inject(b"6")
        await agent.readuntil(ACCEPTED + frame(b"6", masked=False))


async def test_a_connection_that_is_not_accepted_yet_can_be_cut() -> None:
    async with connecting() as (middle, relay, agent), asyncio.timeout(10):
        await relay.writers.get()
        middle.cut()
        with suppress(ConnectionResetError):
            assert await agent.read() == b""
        assert middle.line is None
