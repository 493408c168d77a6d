"""Frames of a paired phone: on the data channel, and sealed by relay."""

import asyncio
from contextlib import suppress
from typing import Any

from aiortc import InvalidStateError

from mobifai.errors import BadMessage
from mobifai.protocol import messages
from mobifai.protocol.codec import decode_frame
from tests.fuzz.phone import FuzzPhone, Gone
from tests.fuzz.source import as_text
from tests.fuzz.target import Target

FEATURES = ((), ("ack", "resume", "unseen"), ("order",), ("ack", "resume", "keys", "exits", "order"))
"""The features of a session's phone, besides encryption."""

ECHO_SECONDS = 8.0
"""The agent ends a session with a gap in its numbers after 5 s."""

ODD_NUMBERS = (b"0", b"1", b"-1", b"null", b'"1"', b"1e3", b"9007199254740992", b"18446744073709551616", b"40")

BUFFERED = 256 << 10
LONGEST_SEALED = 59_900
"""The most bytes of a frame that the agent reads. A longer frame gets no number."""
LONGEST = 80_000
"""The most characters of a message.

aiortc sends at most the agent's 256 KiB, and a lone surrogate may become three bytes.
"""


class SealedFrames(Target):
    """A paired phone that encrypts, by relay. Its encrypted frames may contain anything."""

    name = "sealed-frames"
    boundary = "paired phone -> agent, end to end encrypted by relay: frames"
    weight = 2.0
    tables = (messages.FROM_PHONE, messages.FROM_RELAY, messages.SEALING)
    webrtc = False

    async def open(self) -> None:
        self.phone: FuzzPhone | None = None
        self.scope.push_async_callback(self._leave)

    async def _leave(self) -> None:
        if self.phone is not None:
            await self.phone.__aexit__()
            self.phone = None

    async def _come(self) -> FuzzPhone:
        if self.phone is not None and self.phone.is_connected and self._is_open(self.phone):
            return self.phone
        await self._leave()
        features = self.random.choice(FEATURES)
        visitor = await self.here.visitor("paired phone", sealed=True)
        self.phone = FuzzPhone(self.here.relay_url, visitor, webrtc=self.webrtc, features=features)
        self.phone.answers = self.answers
        await self.phone.connect()
        await self.phone.register()
        await self.phone.pair(self.here.agent_id)
        if self.webrtc:
            await self.phone.channel_opens()
        return self.phone

    def _is_open(self, phone: FuzzPhone) -> bool:
        return True

    def make(self) -> bytes:
        data = self.source.message(self._form)
        # This terminal must stay, because it shows that shells live.
        return data if b"terminate" not in data else data.replace(self.oracle.marker.encode(), b"another")

    def _form(self, event: str, payload: Any) -> dict[str, Any]:
        """The two forms of section 1 of the protocol."""
        if isinstance(payload, dict) and "uuid" in payload and self.random.random() < 0.5:
            payload = {**payload, "uuid": self.random.choice((self.oracle.marker, "one", "two", "three"))}
        if self.random.random() < 0.5:
            return {"type": event, "payload": payload}
        namespace = self.random.choice(("terminal", "terminal", "code", "", None, "e2e"))
        return {"namespace": namespace, "action": event, "payload": payload}

    def _numbered(self, phone: FuzzPhone, data: bytes) -> bytes:
        """Return a frame with its number, if the session numbers its messages. The number is sometimes wrong."""
        if phone.is_ordered and len(data) < LONGEST_SEALED:
            with suppress(BadMessage):
                if not decode_frame(data.decode(errors="replace"))[0].startswith("webrtc:"):
                    odd = self.random.random() < 0.0005
                    number = self.random.choice(ODD_NUMBERS) if odd else b"%d" % (phone.next_number() or 0)
                    return b'{"seq":' + number + b"," + data.lstrip()[1:]
        return data

    async def deliver(self, batch: list[bytes]) -> int:
        phone = await self._come()
        for data in batch:
            phone.write(phone.seal(self._numbered(phone, data[:LONGEST_SEALED])))
        await phone.drain()
        with suppress(Gone):
            await phone.agent_is_done(ECHO_SECONDS)
            return len(batch)
        return 0


class ChannelFrames(SealedFrames):
    """A paired phone with a data channel."""

    name = "channel-frames"
    boundary = "paired phone -> agent, on a real WebRTC data channel: frames"
    weight = 4.0
    webrtc = True

    def _is_open(self, phone: FuzzPhone) -> bool:
        return phone.channel is not None and phone.channel.readyState == "open"

    async def deliver(self, batch: list[bytes]) -> int:
        phone = await self._come()
        channel = phone.channel
        assert channel is not None
        with suppress(Gone, InvalidStateError, TimeoutError):
            for data in batch:
                if self.random.random() < 0.98:
                    channel.send(as_text(self._numbered(phone, data[:LONGEST])).decode())
                else:
                    channel.send(data[:LONGEST])
            async with asyncio.timeout(ECHO_SECONDS):
                while channel.bufferedAmount > BUFFERED and self._is_open(phone):
                    await asyncio.sleep(0.001)
            await phone.channel_is_done(ECHO_SECONDS)
            return len(batch)
        await self._leave()
        return 0
