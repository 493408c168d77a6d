"""A hostile relay's answers to an agent: to HTTP requests, and to the handshake of its connection."""

import asyncio
import base64
import hashlib
import time
import zlib
from contextlib import suppress

from mobifai.errors import StateError
from mobifai.protocol import messages
from tests.fuzz.middle import Middle
from tests.fuzz.mutation import change_bytes, encode
from tests.fuzz.oracle import Fault
from tests.fuzz.place import RETURN_SECONDS
from tests.fuzz.target import Target
from tests.fuzz.websocket import frame

ACCEPT = b"@ACCEPT@"
"""A placeholder for the key that a WebSocket handshake has to return."""

OPENING = b'0{"sid":"s","upgrades":[],"pingInterval":10000,"pingTimeout":10000,"maxPayload":1000000}'
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def _answer(status: bytes, headers: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s" % (status, headers, len(body), body)


class HttpAnswers(Target):
    """An agent that requests a code or the devices from a hostile relay."""

    name = "http-answers"
    boundary = "relay -> mobifai serve --relay: HTTP responses"
    place = "apart"
    batch = 8
    tables = (messages.FROM_RELAY,)

    async def open(self) -> None:
        assert self.here.middle is not None
        self.here.middle.answers = self._next
        self.scope.callback(self._stop)
        self.waiting: list[bytes] = []
        self.examples = self._examples(self.here.middle.url.encode())

    def _stop(self) -> None:
        assert self.here.middle is not None
        self.here.middle.answers = None

    def _examples(self, url: bytes) -> list[bytes]:
        invitation = encode({"token": "t", "code": "ABCD-EFGH", "expires_at": "2026-01-01T00:00:00Z"})
        device = {"deviceId": "d", "name": "n", "type": "mobile", "createdAt": "x", "lastSeen": "x", "connected": False}
        devices = encode({"devices": [device]})
        json = b"Content-Type: application/json\r\n"
        return [
            _answer(b"200 OK", json, invitation),
            _answer(b"200 OK", json, devices),
            _answer(b"200 OK", json + b"Content-Encoding: deflate\r\n", zlib.compress(devices)),
            _answer(b"200 OK", json + b"Content-Encoding: deflate\r\n", zlib.compress(b"[" * 5_000_000)),
            _answer(b"200 OK", json + b"Content-Encoding: br, gzip\r\n", devices),
            _answer(b"302 Found", b"Location: %s/api/pairing\r\n" % url, b""),
            _answer(b"307 Temporary Redirect", b"Location: http://[::1/\r\n", b""),
            _answer(b"308 Permanent Redirect", b"Location: file:///etc/passwd\r\n", b""),
            _answer(b"401 Unauthorized", json, b'{"message":"no"}'),
            _answer(b"404 Not Found", b"", b""),
            _answer(b"500 Oops", json, b'{"message":["a",1]}'),
            _answer(b"204 No Content", b"", b""),
            _answer(b"200 OK", b"Set-Cookie: a=b; Expires=Thu, 99 Foo 10000 00:00:00 GMT\r\nDate: never\r\n", devices),
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(devices), devices),
            b"HTTP/1.1 100 Continue\r\n\r\n" + _answer(b"200 OK", json, devices),
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n" + devices,
            b"HTTP/0.9 \r\n\r\n", b"", b"\r\n\r\n",
        ]  # fmt: skip

    def make(self) -> bytes:
        data = self.source.bytes_like(self.examples)
        if self.random.random() < 0.3:
            body = self.source.message(lambda _, payload: payload)
            return _answer(b"200 OK", b"Content-Type: application/json\r\n", body)
        return data

    async def _next(self, head: bytes) -> list[bytes]:
        return [self.waiting.pop() if len(self.waiting) > 1 else self.waiting[0]] if self.waiting else [b""]

    async def deliver(self, batch: list[bytes]) -> int:
        assert self.here.middle is not None
        self.waiting = list(batch)
        before = self.here.middle.served
        await asyncio.gather(*(self._ask(self.random.choice(("pair", "devices"))) for _ in batch))
        return min(len(batch), self.here.middle.served - before)

    async def _ask(self, question: str) -> None:
        with suppress(StateError):
            await self.here.agent.ask(question)


class RelayHandshakes(Target):
    """Agents that connect to a hostile relay: its answer to the WebSocket handshake, and the first packets in it.

    An agent waits before it reconnects, so several of them run beside the other targets.
    """

    name = "relay-handshakes"
    boundary = "relay -> mobifai serve --relay: WebSocket and Engine.IO handshakes"
    place = "reconnecting"
    background = True
    batch = 6
    tables = (messages.FROM_RELAY,)

    UPGRADE = (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + ACCEPT + b"\r\n\r\n"
    )

    OPENINGS = (
        OPENING, b"0", b"6", b"0{}", b"0[]", b"0null", b"00", b'0"x"', b"0[1]", b'0{"sid":null}', b'0{"sid":"s"}', b"1",
        b"2", b'0{"sid":"s","upgrades":5,"pingInterval":"x","pingTimeout":null}', b"\xff", b"", b"4", b"40", b"7", b"9",
        b'0{"sid":"s","upgrades":["websocket"],"pingInterval":-1,"pingTimeout":1e308}', b'0{"sid":["s"],"upgrades":{}}',
        b'0{"sid":"s","upgrades":[],"pingInterval":0,"pingTimeout":0}', b"0[[[[", b"b0e30=", b"0{", b"0true",
    )  # fmt: skip

    CONNECTS = (
        b'40{"sid":"s"}', b"40", b"40[]", b"40null", b'44{"message":"no"}', b"44", b"44[]", b"41", b"1", b"40/x,{}",
        b'42["authenticated",{}]', b"43[]", b'451-["a",{"_placeholder":true,"num":0}]', b"46[]", b"3", b"2", b"",
    )  # fmt: skip

    def make(self) -> bytes:
        random = self.random
        roll = random.random()
        if roll < 0.25:
            return self.source.bytes_like([self.UPGRADE + self._frames(OPENING), _answer(b"400 Bad", b"", b"{}")])
        opening = random.choice(self.OPENINGS)
        if roll < 0.6:
            opening = change_bytes(random, opening, self.OPENINGS)
        texts = [opening, *(random.choice(self.CONNECTS) for _ in range(random.randrange(4)))]
        if roll < 0.8:
            texts.append(b"42" + self.source.message(lambda event, payload: [event, payload]))
        return self.UPGRADE + self._frames(*texts)

    def _frames(self, *texts: bytes) -> bytes:
        return b"".join(frame(text, masked=False) for text in texts)

    async def deliver(self, batch: list[bytes]) -> int:
        """Send one input to each agent. Then accept each one, so that it reconnects soon."""
        agents = self.here.crowd
        return sum(await asyncio.gather(*(self._deliver_one(*pair) for pair in zip(agents, batch, strict=False))))

    async def _deliver_one(self, middle: Middle, data: bytes) -> bool:
        async def answer(head: bytes) -> list[bytes]:
            return [data.replace(ACCEPT, _accept(head))]

        served, middle.answers = middle.served, answer
        middle.cut()
        try:
            await self._served(middle, served)
        finally:
            middle.answers = None
        line = await middle.reconnected()
        return await line.agent_is_done() and await line.agent_is_done()

    async def _served(self, middle: Middle, before: int) -> None:
        """Wait until the agent has connected and was answered. Raises Fault if it does not connect."""
        until = time.monotonic() + RETURN_SECONDS
        while middle.served == before:
            if time.monotonic() > until:
                raise Fault("stuck", f"an agent did not come back to its relay within {RETURN_SECONDS:.0f} s")
            middle.changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(2):
                    await middle.changed.wait()
            self.oracle.quick()


def _accept(head: bytes) -> bytes:
    """Return the value that RFC 6455 requires in the answer to a handshake."""
    for header in head.split(b"\r\n"):
        name, _, value = header.partition(b":")
        if name.lower() == b"sec-websocket-key":
            return base64.b64encode(hashlib.sha1(value.strip() + GUID).digest())  # noqa: S324 - as the RFC has it
    return b""
