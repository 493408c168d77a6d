"""A relay that breaks: it forwards bytes to a real relay until a test makes it send its own answers.

Owns its listening socket and every connection through it.
"""

import asyncio
import base64
import contextlib
import re
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha1
from urllib.parse import urlsplit

_KEY = re.compile(rb"sec-websocket-key: *([^\r\n]+)", re.IGNORECASE)
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

OPENING = '0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'
ACCEPTED = '40{"sid":"s"}'


def frame(data: str | bytes, *, opcode: int | None = None, first: int = 0x80) -> bytes:
    """A WebSocket frame from a server: text, or binary for bytes."""
    kind = opcode if opcode is not None else 2 if isinstance(data, bytes) else 1
    body = data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")
    size = len(body)
    if size < 126:
        return bytes((first | kind, size)) + body
    if size < 1 << 16:
        return bytes((first | kind, 126)) + size.to_bytes(2, "big") + body
    return bytes((first | kind, 127)) + size.to_bytes(8, "big") + body


@dataclass(frozen=True)
class Answer:
    """The answers for one connection. `http`: instead of the answer to the upgrade. `stays`: until the agent closes."""

    frames: bytes = b""
    http: bytes | None = None
    stays: bool = False

    @classmethod
    def of(cls, *texts: str | bytes, stays: bool = False) -> "Answer":
        """WebSocket messages."""
        return cls(b"".join(map(frame, texts)), stays=stays)


@dataclass
class BrokenRelay:
    """A running broken relay. `requests` are the heads of the requests that were answered with bytes of its own."""

    real: str
    url: str = ""
    requests: list[bytes] = field(default_factory=list)
    answered: int = 0
    _answers: deque[Answer] | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def break_with(self, answers: Iterable[Answer]) -> None:
        """Cut every connection, and give each one that follows the next answer; then none at all."""
        self._answers = deque(answers)
        self.answered = 0
        self.cut()

    @property
    def waiting(self) -> int:
        """The answers that are not sent yet."""
        return len(self._answers or ())

    def mend(self) -> None:
        """Forward bytes to the real relay again."""
        self._answers = None
        self.cut()

    def cut(self) -> None:
        """End every connection."""
        for writer in self._writers:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await (self._carry(reader, writer) if self._answers is None else self._answer(reader, writer))
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if not self._answers:
            return
        answer = self._answers.popleft()
        self.requests.append(head)
        try:
            writer.write(answer.http if answer.http is not None else _upgrade(head))
            writer.write(answer.frames)
            await writer.drain()
            if answer.stays:
                await _read_to_the_end(reader)
            writer.write_eof()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.5):  # the peer reads the data before it sees the end
                    await _read_to_the_end(reader)
        finally:
            self.answered += 1

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        parts = urlsplit(self.real)
        there, back = await asyncio.open_connection(parts.hostname, parts.port)
        self._writers.add(back)
        try:
            await asyncio.gather(_pour(reader, back), _pour(there, writer))
        finally:
            self._writers.discard(back)
            back.transport.abort()


async def _read_to_the_end(reader: asyncio.StreamReader) -> None:
    while await reader.read(1 << 16):
        pass


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    raise ConnectionError("one side ended")


def _upgrade(head: bytes) -> bytes:
    found = _KEY.search(head)
    key = base64.b64encode(sha1((found[1] if found else b"") + _GUID).digest())  # noqa: S324 - as RFC 6455 has it
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + key + b"\r\n\r\n"
    )


@asynccontextmanager
async def broken_relay(real_url: str = "") -> AsyncIterator[BrokenRelay]:
    """Run a broken relay in front of a real one. Without a real one, it only sends its own answers."""
    broken = BrokenRelay(real_url, _answers=None if real_url else deque())
    server = await asyncio.start_server(broken.serve, "127.0.0.1", 0)
    broken.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield broken
    finally:
        server.close()
        broken.cut()
        await asyncio.sleep(0)
        await server.wait_closed()
