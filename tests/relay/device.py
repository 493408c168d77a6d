"""A phone or an agent as the relay sees it: python-socketio's own client, and the events that it received."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import msgspec
import socketio
from aiohttp import ClientSession, ClientWebSocketResponse

from mobifai.protocol.codec import encode
from mobifai.protocol.handshake import Identity, sign, verifies

SECONDS = 30.0
"""The time limit of any step on a loaded machine."""


class WireJson:
    """The interface of the module `json`, which the client expects, with msgspec structs as objects."""

    @staticmethod
    def dumps(value: object, **_: object) -> str:
        """Encode a value as JSON text."""
        return encode(value).decode()

    @staticmethod
    def loads(text: str | bytes, **_: object) -> Any:
        """Decode JSON text. Raises ValueError, also for nesting that is too deep."""
        try:
            return msgspec.json.decode(text)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise ValueError(str(error)) from None


class Device:
    """One device on one connection. `received` has every event in order, until a test takes it."""

    def __init__(self, kind: str, device_id: str | None = None, token: str | None = None) -> None:
        self.kind = kind
        self.device_id = device_id or str(uuid4())
        self.token = token
        self.identity = Identity.generate()
        self.received: list[tuple[str, Any]] = []
        self.gone = asyncio.Event()
        self._news = asyncio.Condition()
        self.client = socketio.AsyncClient(reconnection=False, handle_sigint=False, json=WireJson)
        self.client.on("*", self._hear)
        self.client.on("disconnect", lambda _reason: self.gone.set())

    @asynccontextmanager
    async def connected(self, url: str) -> AsyncIterator["Device"]:
        try:
            await self.client.connect(url, transports=["websocket"])
            yield self
        finally:
            await self.client.disconnect()
            if self.client.eio.http is not None:
                await self.client.eio.http.close()

    async def _hear(self, event: str, *arguments: Any) -> None:
        async with self._news:
            self.received.append((event, *arguments) if arguments else (event, None))
            self._news.notify_all()

    async def hear(self, event: str, where: Callable[[Any], bool] = lambda _: True) -> Any:
        """Return the payload of the next such event, and remove the event."""

        def found() -> tuple[str, Any] | None:
            return next((one for one in self.received if one[0] == event and where(one[1])), None)

        try:
            async with asyncio.timeout(SECONDS), self._news:
                one = await self._news.wait_for(found)
        except TimeoutError:
            raise AssertionError(f"expected {event}; received {self.received}") from None
        self.received.remove(one)
        return one[1]

    async def say(self, event: str, *arguments: Any) -> None:
        """Send an event, and wait until it is on the wire or the connection is gone."""
        await self.client.emit(event, arguments)
        waits = [asyncio.create_task(self.client.eio.queue.join()), asyncio.create_task(self.gone.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for one in waits:
            one.cancel()
        await asyncio.gather(*waits, return_exceptions=True)

    async def settle(self) -> None:
        """Wait until the relay has handled everything sent, by the answer to one more request."""
        marker = f"marker-{uuid4()}"
        await self.say(marker)
        await self.hear("error", lambda error: marker in error["message"] or "register first" in error["message"])

    async def register(self, **changes: Any) -> None:
        payload = {"type": self.kind, "deviceId": self.device_id, "publicKey": self.identity.public_hex}
        await self.say("register", payload | ({"token": self.token} if self.token else {}) | changes)

    async def sign_in(self, **changes: Any) -> Any:
        """Register and be admitted."""
        await self.register(**changes)
        answer = await self.hear("authenticated")
        self.token = answer["token"]
        return answer

    async def answer_handshake(self) -> None:
        """Sign the challenge, and check the peer's signature like this project's clients."""
        asked = await self.hear("handshake:initiate")
        secret = self.identity.shared_secret(asked["peerPublicKey"])
        await self.say("handshake:response", {"peerId": asked["peerId"], "signature": sign(secret, asked["challenge"])})
        verify = await self.hear("handshake:verify")
        if not verifies(secret, asked["peerChallenge"], verify["signature"]):
            await self.say("error", {"message": "the signature does not match"})
            return
        await self.say("handshake:confirmed", {"peerId": asked["peerId"]})


async def pair(phone: Device, agent: Device) -> None:
    """Run the whole handshake of two devices that are signed in."""
    await phone.say("request_connection", {"targetDeviceId": agent.device_id})
    await asyncio.gather(phone.answer_handshake(), agent.answer_handshake())
    await asyncio.gather(phone.hear("paired"), agent.hear("paired"))


@asynccontextmanager
async def raw_socket(url: str, **options: Any) -> AsyncIterator[ClientWebSocketResponse]:
    """Open a WebSocket for any data, with Engine.IO open and the namespace connected."""
    address = f"{url.replace('http', 'ws', 1)}/socket.io/?EIO=4&transport=websocket"
    async with ClientSession() as session, session.ws_connect(address, **options) as socket:
        assert (await socket.receive_str()).startswith("0{")
        await socket.send_str("40")
        assert (await socket.receive_str()).startswith('40{"sid"')
        yield socket
