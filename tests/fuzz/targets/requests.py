"""Whole connections to a relay, as bytes: HTTP requests, WebSocket handshakes, Engine.IO packets."""

import asyncio
from contextlib import suppress
from urllib.parse import urlsplit

from mobifai.protocol import messages
from tests.fuzz.corpus import kind_of
from tests.fuzz.mutation import change_bytes, encode
from tests.fuzz.phone import FuzzPhone, Gone
from tests.fuzz.target import Target
from tests.fuzz.websocket import BINARY, HANDSHAKE, frame

ANSWER_SECONDS = 0.03
"""Seconds to wait for the answer to a whole request, before the connection is closed."""
END_SECONDS = 15.0


class HttpRequests(Target):
    """An unknown client, or a device with a token, at the relay's HTTP port. An input is all data of a connection."""

    name = "http-requests"
    boundary = "stranger -> mobifai relay: HTTP requests, WebSocket handshakes"
    place = "apart"
    batch = 8
    tables = (messages.FROM_DEVICE,)

    async def open(self) -> None:
        parts = urlsplit(self.here.relay_url)
        self.address = (parts.hostname, parts.port)
        self.host = parts.netloc.encode()
        visitor = await self.here.visitor("fuzzed device", sealed=False)
        self.examples = self._examples(visitor.token or "")

    def _examples(self, token: str) -> list[bytes]:
        bearer = f"Authorization: Bearer {token}\r\n".encode()
        json = b"Content-Type: application/json\r\n"
        form = b"Content-Type: application/x-www-form-urlencoded\r\n"
        sign_in = encode({"deviceId": "d-1", "type": "mobile", "code": "ABCD-EFGH"})
        deflated = bytes.fromhex("789c010000ffff")
        return [
            *(
                self._request(b"GET", path)
                for path in (b"/", b"/health", b"/login?deviceId=d-1&type=mobile", b"/sw.js")
            ),
            *(self._request(b"GET", path, bearer) for path in (b"/api/me", b"/api/settings", b"/api/devices")),
            self._request(b"PUT", b"/api/settings", bearer + json, b'{"theme":"dark","fontSize":14}'),
            self._request(b"POST", b"/api/sign-in", json, sign_in),
            self._request(b"POST", b"/api/sign-in", json + b"Content-Encoding: deflate\r\n", deflated),
            self._request(b"POST", b"/login", form, b"deviceId=d-1&type=mac&code=ABCD-EFGH"),
            self._request(b"POST", b"/api/pairing", bearer),
            self._request(b"DELETE", b"/api/devices/d-1", bearer),
            self._request(
                b"POST", b"/api/sign-in", json + b"Transfer-Encoding: chunked\r\n", b'5\r\n{"a":\r\n0\r\n\r\n'
            ),
            self._request(b"OPTIONS", b"*", b"Origin: null\r\nX-Forwarded-For: 1.2.3.4\r\nForwarded: for=1.2.3.4\r\n"),
            self._socket(b"40", b'42["register",{}]'),
            self._socket(b"2probe", b"3", b"6", b"40/x,{}", b"41", b"1"),
        ]

    def _request(self, method: bytes, path: bytes, headers: bytes = b"", body: bytes = b"") -> bytes:
        length = b"" if b"chunked" in headers or not body else b"Content-Length: %d\r\n" % len(body)
        return b"%s %s HTTP/1.1\r\nHost: %s\r\n%s%s\r\n%s" % (method, path, self.host, headers, length, body)

    def _socket(self, *texts: bytes) -> bytes:
        return HANDSHAKE.format(host=self.host.decode()).encode() + b"".join(map(frame, texts))

    def make(self) -> bytes:
        data = self.source.bytes_like(self.examples)
        if self.random.random() < 0.1:
            event, payload = self.source.event()
            body = encode(payload)
            data = self._request(b"PUT", b"/api/" + event.encode(errors="replace"), b"", body)
        return data if self.random.random() < 0.95 else data * self.random.choice((2, 3, 20))

    async def deliver(self, batch: list[bytes]) -> int:
        return sum(await asyncio.gather(*map(self._deliver_one, batch)))

    async def _deliver_one(self, data: bytes) -> bool:
        """Send an input. Return whether the relay answered or closed the connection."""
        try:
            async with asyncio.timeout(END_SECONDS):
                reader, writer = await asyncio.open_connection(*self.address, local_addr=(self.stranger(), 0))
                try:
                    writer.write(data)
                    return await self._ends(reader, writer)
                finally:
                    writer.transport.abort()
        except TimeoutError:
            return False
        except OSError:
            return True  # it closed the connection

    async def _ends(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_SECONDS):
                if not (answer := await reader.read(4096)):
                    return True
                status, _, rest = answer.partition(b"\r\n")
                self.answers.add(kind_of(status + rest.rpartition(b"\r\n")[2]))
        writer.write_eof()
        while await reader.read(1 << 16):
            pass
        return True


class RelayPackets(Target):
    """A device on a WebSocket that sends any frame. Each input may end its connection."""

    name = "relay-packets"
    boundary = "device -> mobifai relay: Engine.IO packets and WebSocket frames"
    place = "apart"
    batch = 8
    tables = (messages.FROM_DEVICE,)

    EXAMPLES = (
        b"40", b"41", b"1", b"2", b"2probe", b"3", b"5", b"6", b"40/x,{}", b'40{"token":"x"}', b'42["register",{}]',
        b'427["register",{}]', b"43[]", b"437[]", b'44{"message":""}', b'451-["a",{"_placeholder":true,"num":0}]',
        b'461-7["a"]', b'42/x,["a"]', b"4", b"", b"b4AAAA",
    )  # fmt: skip

    def make(self) -> bytes:
        data = self.source.bytes_like(self.EXAMPLES)
        if self.random.random() < 0.3:
            event, payload = self.source.event()
            data = b"4" + change_bytes(self.random, b"2" + encode([event, payload]))
        return data

    async def deliver(self, batch: list[bytes]) -> int:
        return sum(await asyncio.gather(*map(self._deliver_one, batch)))

    async def _deliver_one(self, data: bytes) -> bool:
        opcode = self.random.choice((1, 1, 1, 1, 1, 1, BINARY, 0, 8, 9, 10, 3))
        raw = frame(data, opcode)
        if self.random.random() < 0.1:
            raw = change_bytes(self.random, raw)
        async with FuzzPhone(self.here.relay_url, await self.here.visitor("fuzzed device", sealed=False)) as phone:
            try:
                await phone.connect(self.stranger())
            except (OSError, TimeoutError):
                return False
            phone.write_raw(raw)
            with suppress(Gone):
                await phone.relay_is_done(1.0)
            return True
