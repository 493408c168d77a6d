"""A proxy between an agent and its relay: it forwards the messages of both, and can send the agent anything.

Owns the listening socket and the connections through it. By default it only forwards. `answers` intercepts a connection
and answers it with any bytes, and `inject` inserts frames into the relay's data on a WebSocket.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from tests.fuzz.websocket import frame

Answerer = Callable[[bytes], Awaitable[list[bytes]]]
"""Gets the head of a request and yields the parts of the answer. Then the connection ends."""

CHUNK = 256 << 10
KEPT_TEXTS = 200


class Line:
    """One forwarded connection of the agent.

    A pong says that the agent has read all that was sent before its ping; `owed` is whose ping each next pong answers.
    """

    def __init__(self, to_agent: asyncio.StreamWriter, to_relay: asyncio.StreamWriter) -> None:
        self._to_agent = to_agent
        self._to_relay = to_relay
        self.is_socket = False
        self.is_over = False
        self.pongs = 0
        self.owed: deque[str] = deque(maxlen=10_000)
        self.changed = asyncio.Event()

    def inject(self, payload: bytes, opcode: int = 1) -> None:
        """Send the agent a frame in the relay's name."""
        if payload.startswith(b"2"):
            self.owed.append("injected")
        self.inject_raw(frame(payload, opcode, masked=False))

    def inject_raw(self, data: bytes) -> None:
        """Insert bytes into the relay's data."""
        if not self._to_agent.is_closing():
            self._to_agent.write(data)

    async def agent_is_done(self) -> bool:
        """Wait until the agent has read everything. Return False if the connection ended."""
        wanted = self.pongs + 1
        self.owed.append("barrier")
        self._to_agent.write(frame(b"2", masked=False))
        with suppress(TimeoutError):
            async with asyncio.timeout(10):
                await self._to_agent.drain()
                while self.pongs < wanted and not self.is_over:
                    self.changed.clear()
                    await self.changed.wait()
        return self.pongs >= wanted

    def is_relays_pong(self) -> bool:
        """Record a pong. Return whether the relay waits for it."""
        owed = self.owed.popleft() if self.owed else "injected"
        self.pongs += owed == "barrier"
        self.changed.set()
        return owed == "relay"

    def cut(self) -> None:
        """Close the connection to both sides."""
        self.is_over = True
        self.changed.set()
        for writer in (self._to_agent, self._to_relay):
            writer.transport.abort()


class Middle:
    """The proxy."""

    def __init__(self, relay_url: str) -> None:
        parts = urlsplit(relay_url)
        self._relay = (parts.hostname or "", parts.port or 80)
        self.url = ""
        self.answers: Answerer | None = None
        self._count = 0
        self.served = 0
        """The number of requests that `answers` has answered."""
        self.line: Line | None = None
        """The agent's WebSocket, once the relay has accepted it and until it ends."""
        self.texts: deque[bytes] = deque(maxlen=KEPT_TEXTS)
        self.changed = asyncio.Event()
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Handle one connection of the agent."""
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = writer
        try:
            with suppress(OSError, EOFError, asyncio.LimitOverrunError):
                head = await reader.readuntil(b"\r\n\r\n")
                if self.answers is not None:
                    await self._answer(head, reader, writer)
                else:
                    await self._carry(head, reader, writer)
        finally:
            del self._connections[task]
            writer.transport.abort()

    async def _answer(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert self.answers is not None
        for piece in await self.answers(head):
            writer.write(piece)
            await writer.drain()
        self.served += 1
        self.changed.set()
        if writer.can_write_eof():
            writer.write_eof()
        with suppress(TimeoutError):
            async with asyncio.timeout(0.5):  # long enough for the agent to read the answer
                while await reader.read(CHUNK):
                    pass

    async def _carry(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._count += 1
        # From changing addresses, so that provoked mistakes do not lock the agent out.
        source = (f"127.0.2.{self._count % 254 + 1}", 0)
        from_relay, to_relay = await asyncio.open_connection(*self._relay, local_addr=source)
        line = Line(writer, to_relay)
        to_relay.write(
            head.replace(urlsplit(self.url).netloc.encode(), b"%s:%d" % (self._relay[0].encode(), self._relay[1]))
        )
        line.is_socket = b"/socket.io/" in head.partition(b"\r\n")[0]
        up = asyncio.ensure_future(self._up(line, reader, to_relay))
        try:
            if line.is_socket:
                writer.write(await from_relay.readuntil(b"\r\n\r\n"))
            await self._down(line, from_relay, writer)
        finally:
            line.cut()
            up.cancel()
            self.line = None if self.line is line else self.line

    async def _up(self, line: Line, reader: asyncio.StreamReader, to_relay: asyncio.StreamWriter) -> None:
        """Forward the agent's data. A pong that the relay does not wait for is dropped."""
        with suppress(OSError, EOFError):
            while data := await (_frame(reader) if line.is_socket else reader.read(CHUNK)):
                if line.is_socket:
                    text = _text(data)
                    if text.startswith(b"3") and not line.is_relays_pong():
                        continue
                    self.texts.append(text)
                to_relay.write(data)
                await to_relay.drain()
        line.cut()

    async def _down(self, line: Line, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward the relay's data, in whole frames, so that injected frames fit between them.

        The line can be used once the relay has accepted it: an agent ends a connection with a ping before that.
        """
        while data := await (_frame(reader) if line.is_socket else reader.read(CHUNK)):
            if data == b"\x81\x012":
                line.owed.append("relay")
            writer.write(data)
            await writer.drain()
            if line.is_socket and data[2:4] == b"40":
                self.line = line
                self.changed.set()

    def cut(self) -> None:
        """Close every connection, also those that the relay has not accepted yet, so that the agent reconnects."""
        for writer in self._connections.values():
            writer.transport.abort()

    async def close(self) -> None:
        """Close every connection, and wait until they are closed."""
        tasks = list(self._connections)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def reconnected(self, timeout: float = 45) -> Line:
        """Wait until the agent is connected to the relay again. Raises TimeoutError."""
        async with asyncio.timeout(timeout):
            while self.line is None:
                self.changed.clear()
                await self.changed.wait()
        return self.line


async def _frame(reader: asyncio.StreamReader) -> bytes:
    """Return the next frame of a WebSocket, unchanged. Raises EOFError."""
    head = await reader.readexactly(2)
    length, mask, more = head[1] & 0x7F, 4 if head[1] & 0x80 else 0, b""
    if length >= 126:
        more = await reader.readexactly(2 if length == 126 else 8)
        length = int.from_bytes(more, "big")
    return head + more + await reader.readexactly(mask + length)


def _text(data: bytes) -> bytes:
    """Return the beginning of a masked frame's payload."""
    length = data[1] & 0x7F
    at = 2 + (0 if length < 126 else 2 if length == 126 else 8)
    mask, payload = data[at : at + 4], data[at + 4 : at + 404]
    return bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


@asynccontextmanager
async def standing_between(relay_url: str) -> AsyncIterator[Middle]:
    """Listen for the agent in this scope."""
    middle = Middle(relay_url)
    server = await asyncio.start_server(middle.serve, "127.0.0.1", 0, limit=1 << 20)
    middle.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield middle
    finally:
        server.close()
        await middle.close()
        await server.wait_closed()
