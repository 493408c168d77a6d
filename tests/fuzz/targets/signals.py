"""A paired phone, below its messages: descriptions and candidates, datagrams, and the layers on top."""

import asyncio
import struct
from contextlib import suppress
from typing import Any

from aiortc import InvalidStateError
from google_crc32c import value as crc32c
from OpenSSL import SSL

from mobifai.protocol import messages
from tests.fuzz.mutation import change_bytes, encode
from tests.fuzz.phone import FuzzPhone, Gone
from tests.fuzz.target import Target
from tests.fuzz.targets.channel import LONGEST_SEALED, ChannelFrames, SealedFrames

KEPT = 200
"""The number of packets of a working connection that are stored for mutation."""


class Descriptions(Target):
    """A paired phone that answers the agent's offer with any description and any candidates."""

    name = "descriptions"
    boundary = "paired phone -> agent: SDP answers and ICE candidates"
    batch = 24
    tables = (messages.FROM_RELAY,)

    CANDIDATES = (
        "candidate:1 1 udp 2130706431 10.64.0.1 50000 typ host",
        "candidate:1 1 UDP 2130706431 127.0.0.1 1 typ host generation 0 ufrag x network-cost 999",
        "candidate:2 1 tcp 1518280447 10.64.0.1 9 typ host tcptype active",
        "candidate:3 1 udp 1 fe80::1 50000 typ host",
        "candidate:4 1 udp 1 8c1f2f7e-0000-4000-8000-000000000000.local 50000 typ host",
        "candidate:5 1 udp 99999999999 1.2.3.4 99999 typ srflx raddr 0.0.0.0 rport 0",
        "candidate:6 256 udp 0 255.255.255.255 0 typ relay", "candidate:", "", "a=candidate:1", "candidate:1 1 udp",
    )  # fmt: skip

    async def open(self) -> None:
        self.sealed = self.random.random() < 0.5

    def make(self) -> bytes:
        """A candidate's payload, or the change of an answer, whose description is known only later."""
        random = self.random
        if random.random() < 0.3:
            return self.source.message(lambda _, payload: ["webrtc:ice-candidate", payload])
        line = random.choice(self.CANDIDATES)
        if random.random() < 0.7:
            line = change_bytes(random, line.encode()).decode(errors="replace")
        index = random.choice((0, 0, None, 1, -1, 65536))
        candidate = {"candidate": line, "sdpMid": random.choice(("0", "", None, "x")), "sdpMLineIndex": index}
        return encode(["webrtc:ice-candidate", {"candidate": candidate}])

    async def deliver(self, batch: list[bytes]) -> int:
        """Send candidates before and after a changed answer, each time for a new offer."""
        visitor = await self.here.visitor("paired phone", sealed=self.sealed)
        async with FuzzPhone(self.here.relay_url, visitor, webrtc=True) as phone:
            phone.change_answer = self._changed
            await phone.connect()
            await phone.register()
            await phone.pair(self.here.agent_id)
            self._send(phone, batch[: len(batch) // 2])
            with suppress(Gone):
                await phone.answered()
                self._send(phone, batch[len(batch) // 2 :])
                await phone.agent_is_done()
                return len(batch) + 1
        return 0

    def _send(self, phone: FuzzPhone, batch: list[bytes]) -> None:
        for data in batch:
            event, payload = data[1:-1].partition(b",")[::2]
            body = b'{"type":%s,"payload":%s}' % (event, payload)
            if self.sealed:
                phone.write(phone.seal(body[:LONGEST_SEALED]))
            else:
                phone.write(b"42" + data.decode(errors="replace").encode())

    def _changed(self, answer: dict[str, Any]) -> dict[str, Any]:
        random = self.random
        lines = answer["sdp"].splitlines(keepends=True)
        for _ in range(random.choice((1, 1, 2, 5))):
            at = random.randrange(len(lines))
            match random.randrange(5):
                case 0:
                    del lines[at]
                    lines = lines or ["v=0\r\n"]
                case 1:
                    lines.insert(at, random.choice(lines))
                case 2:
                    lines[at] = random.choice(
                        ("m=audio 9 RTP/AVP 0\r\n", "a=mid:0\r\n", "m=\r\n", "a=setup:x\r\n", "\r\n")
                    )
                case _:
                    lines[at] = change_bytes(random, lines[at].encode()).decode(errors="replace")
        return {"type": random.choice(("answer", "answer", "answer", "offer", "pranswer")), "sdp": "".join(lines)}


class Datagrams(ChannelFrames):
    """Any client of the agent's UDP port while a phone has its channel, also from the phone's address."""

    name = "datagrams"
    boundary = "network -> the UDP port of a call: STUN, DTLS and other datagrams"
    batch = 128
    weight = 1.5

    async def _come(self) -> FuzzPhone:
        before = self.phone
        phone = await super()._come()
        if phone is not before:
            self.examples = [
                b"\x16\xfe\xfd" + bytes(10),
                b"\0\1\0\0\x21\x12\xa4\x42" + bytes(12),
                b"\x80\x60" + bytes(20),
            ]
            self.wire = phone.wire()
            self.wire.watch(lambda data: self._remember(self.examples, data))
            await phone.channel_is_done()
        return phone

    def _remember(self, kept: list[bytes], data: bytes) -> None:
        if len(kept) < KEPT:
            kept.append(data)

    def make(self) -> bytes:
        examples = getattr(self, "examples", None) or [b"\x16\xfe\xfd" + bytes(10)]
        random = self.random
        data = change_bytes(random, self.source.bytes_like(examples))[:1500]
        roll = random.random()
        if roll < 0.5:
            return data
        if roll < 0.75:  # correct the length in the header of a STUN message or a DTLS record
            body = data[20:] if data[:1] < b"\4" else data[13:]
            if data[:1] < b"\4":
                return data[:2] + struct.pack("!H", len(body)) + b"\x21\x12\xa4\x42" + data[8:20] + body
            return data[:11].ljust(11, b"\0") + struct.pack("!H", len(body)) + body
        return random.randbytes(random.choice((1, 12, 13, 14, 20, 28, 100, 1200)))

    async def deliver(self, batch: list[bytes]) -> int:
        phone = await self._come()
        drops = self.wire.dropped()
        for number, data in enumerate(batch):
            self.wire.send(data, forged=number % 2 == 0)
        with suppress(Gone):
            await phone.channel_is_done()
            return max(0, len(batch) - (self.wire.dropped() - drops))
        await self._leave()
        return 0


class SctpPackets(ChannelFrames):
    """A paired phone that sends anything within its encrypted association: SCTP chunks and their parameters."""

    name = "sctp-packets"
    boundary = "paired phone -> agent, within DTLS: SCTP packets"
    batch = 48
    weight = 1.5

    KINDS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 130, 192, 64, 255)

    async def _come(self) -> FuzzPhone:
        before = self.phone
        phone = await super()._come()
        if phone is not before:
            self.wire = phone.wire()
            self.examples: list[bytes] = [self._packet(kind, bytes(12)) for kind in self.KINDS]
            self.wire.watch_sctp(lambda data: len(self.examples) < KEPT and self.examples.append(data))
            await phone.channel_is_done()
        return phone

    def _packet(self, kind: int, body: bytes) -> bytes:
        chunk = struct.pack("!BBH", kind, 3, 4 + len(body)) + body
        return struct.pack("!HHLL", 5000, 5000, 0, 0) + chunk + bytes(-len(chunk) % 4)

    def make(self) -> bytes:
        examples = getattr(self, "examples", None) or [self._packet(kind, bytes(12)) for kind in self.KINDS]
        data = self.source.bytes_like(examples)[:1100]
        # ABORT and SHUTDOWN end the association by design, so they are rare.
        if len(data) > 12 and data[12] in (6, 7, 8, 14) and self.random.random() < 0.98:
            data = data[:12] + bytes([self.random.choice((0, 3, 4, 130, 192))]) + data[13:]
        return data

    async def deliver(self, batch: list[bytes]) -> int:
        phone = await self._come()
        try:
            async with asyncio.timeout(3):
                for data in batch:
                    await self.wire.send_sctp(self._sealed(data))
                await phone.channel_is_done()
        except (Gone, OSError, ValueError, InvalidStateError, SSL.Error):
            await self._leave()  # a broken association only affects this phone
            return 0
        return len(batch)

    def _sealed(self, data: bytes) -> bytes:
        """Return a packet, mostly with the association's ports, tag and checksum."""
        if len(data) < 12 or self.random.random() < 0.05:
            return data
        header = self.wire.sctp_header() if self.random.random() < 0.95 else data[:8]
        whole = header + bytes(4) + data[12:]
        return whole[:8] + struct.pack("<L", crc32c(whole)) + whole[12:]


class SealedMessages(SealedFrames):
    """A phone in an encrypted handshake that sends any hello and forged encrypted messages. The agent leaves

    the relay for a moment after each, so it runs beside the others.
    """

    name = "sealed-messages"
    boundary = "phone -> agent by relay: messages of the end-to-end handshake, and forged sealed ones"
    place = "aside"
    background = True
    batch = 1
    tables = (messages.SEALING,)

    def make(self) -> bytes:
        return self.source.message(lambda event, payload: [event, payload])

    async def deliver(self, batch: list[bytes]) -> int:
        """Send each input in its own session, at one of three stages, because an invalid message ends a session."""
        visitor = await self.here.visitor("paired phone", sealed=True)
        data = batch[0].decode(errors="replace").encode()
        async with FuzzPhone(self.here.relay_url, visitor) as phone:
            await phone.connect()
            await phone.register()
            phone.on_paired = lambda: phone.write(b"42" + data) if self.random.random() < 0.5 else None
            with suppress(Gone):
                await phone.pair(self.here.agent_id)
                phone.write(b"42" + data)
            with suppress(Gone):
                await phone.relay_is_done(2.0)
                return 1
        return 0
