"""A phone that can send anything: it connects as a real phone does, and then sends any given bytes.

Owns one connection to a relay, one pairing, and one peer connection if it is called. Keys, signatures and encryption
follow the protocol, so that the fuzzed code lies behind them.
"""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from aiortc import RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription

from mobifai.protocol.features import ORDER
from mobifai.protocol.handshake import Identity, sign
from soak.phone.encryption import E2E, EncryptionSession, PhoneKeys
from soak.phone.peer_connection import close_connection
from tests.fuzz.corpus import kind_of
from tests.fuzz.mutation import encode
from tests.fuzz.websocket import Socket
from tests.fuzz.wire import Wire

SECONDS = 15.0


@dataclass
class Visitor:
    """A phone's identity. It stays the same for a whole run, because a relay's number of devices is limited."""

    name: str
    token: str | None = None
    seal: PhoneKeys | None = None
    device_id: str = field(default_factory=lambda: str(uuid4()))
    identity: Identity = field(default_factory=Identity.generate)


class Gone(Exception):
    """The connection ended, or nothing came in time."""


class FuzzPhone:
    """One connection of the phone. `async with` closes it at the end."""

    def __init__(
        self, relay_url: str, visitor: Visitor, *, webrtc: bool = False, features: tuple[str, ...] = ()
    ) -> None:
        self.visitor = visitor
        self.events: dict[str, Any] = {}  # bounded by the names below: the newest payload of each event
        self.channel: RTCDataChannel | None = None
        self.answer: dict[str, Any] = {}
        self._url = relay_url
        self._features = features
        self._webrtc = webrtc
        self._socket: Socket | None = None
        self._session: EncryptionSession | None = None
        self._is_ready = False
        self._numbered = 0
        self._number = 0
        self._changed = asyncio.Event()
        self._acknowledged = 0
        self._peer: RTCPeerConnection | None = None
        self._answering: asyncio.Task[None] | None = None
        self.answers: set[str] = set()
        """The kinds of errors that came."""
        self.on_paired: Callable[[], None] = lambda: None
        """Called between the pairing and the encrypted handshake."""
        self.change_answer: Callable[[dict[str, Any]], dict[str, Any]] = lambda answer: answer

    async def __aenter__(self) -> "FuzzPhone":
        return self

    async def __aexit__(self, *_error: object) -> None:
        if self._answering is not None:
            with suppress(Exception):
                async with asyncio.timeout(SECONDS):
                    await self._answering
        if self._peer is not None:
            with suppress(Exception):
                async with asyncio.timeout(SECONDS):
                    await close_connection(self._peer)
        if self._socket is not None:
            await self._socket.end()

    # -- connecting

    async def connect(self, source: str | None = None) -> None:
        """Connect to the relay, and to the namespace."""
        self._socket = await Socket.connect(self._url, self._on_text, self._changed.set, source)
        self._socket.send_text(b"40")

    async def register(self) -> None:
        """Register. Raises Gone for a phone that the relay does not know."""
        visitor = self.visitor
        features = [*self._features, E2E] if visitor.seal is not None else list(self._features)
        self.send(
            "register",
            {
                "type": "mobile",
                "deviceId": visitor.device_id,
                "deviceName": visitor.name,
                "publicKey": visitor.identity.public_hex,
                "features": features,
                **({"token": visitor.token} if visitor.token else {}),
            },
        )
        visitor.token = (await self.wait_for("authenticated"))["token"]

    async def pair(self, agent_id: str) -> None:
        """Pair with an agent, passing all of its checks."""
        for _ in range(40):
            self.events.clear()
            self.send("request_connection", {"targetDeviceId": agent_id})
            event = await self.wait_for_one("paired", "error")
            if event == "paired":
                break
            await asyncio.sleep(0.05)  # the agent is still dropping another phone
        else:
            raise Gone(f"the agent was not to be had: {self.events}")
        self.on_paired()
        if self.visitor.seal is not None:
            await self._seal(self.visitor.seal)

    async def _seal(self, seal: PhoneKeys) -> None:
        self._session = EncryptionSession(seal, self.visitor.device_id, self.visitor.name, (*self._features, E2E))
        self.send("e2e:hello", self._session.hello())
        if await self.wait_for_one("e2e:welcome", "e2e:refused", "paired_device_disconnected") != "e2e:welcome":
            raise Gone(f"the agent ended the session: {self.events.get('e2e:refused')}")
        self.send_sealed("e2e:ready", {})
        self._is_ready = True
        await self.wait_for("processes:sync")

    # -- sending

    def write(self, data: bytes) -> None:
        """Send the content of a text frame unchanged."""
        assert self._socket is not None
        self._socket.send_text(data)

    def write_raw(self, data: bytes) -> None:
        """Send bytes unchanged."""
        assert self._socket is not None
        self._socket.write(data)

    def send(self, event: str, payload: Any) -> None:
        """Send an event by relay, in clear."""
        self.write(b"42" + encode([event, payload]))

    def send_sealed(self, event: str, payload: Any) -> None:
        """Send a frame encrypted end to end, with its number if the session numbers its messages."""
        assert self._session is not None
        number = None if event.startswith(("e2e:", "webrtc:")) else self.next_number()
        self.send("e2e:sealed", self._session.seal(event, payload, number))

    @property
    def is_ordered(self) -> bool:
        """Return whether messages have numbers."""
        return ORDER in self._features and self._session is not None and self._is_ready

    def next_number(self) -> int | None:
        """Return the number of the next message, if the session numbers its messages."""
        if not self.is_ordered:
            return None
        self._numbered += 1
        return self._numbered

    def seal(self, frame: bytes) -> bytes:
        """Return the Socket.IO packet for a frame of any content."""
        assert self._session is not None and self._session.is_open
        return b"42" + encode(["e2e:sealed", self._session.seal_bytes(frame)])

    # -- receiving

    def _on_text(self, text: bytes) -> None:
        if text.startswith(b'42["error"'):
            self.answers.add(kind_of(text))
            self.events["error"] = text
            self._changed.set()
        elif text.startswith(b"2"):
            self.write(b"3")
        elif text.startswith(b"43"):
            self._acknowledged = int(text[2:].partition(b"[")[0])
            self._changed.set()
        elif text.startswith(b"42"):
            event, *arguments = json.loads(text[2:])
            self._take(event, arguments[0] if arguments else None)

    def _take(self, event: str, payload: Any) -> None:
        match event:
            case "handshake:initiate":
                secret = self.visitor.identity.shared_secret(payload["peerPublicKey"])
                signature = sign(secret, payload["challenge"])
                self.send("handshake:response", {"peerId": payload["peerId"], "signature": signature})
            case "handshake:verify":
                self.send("handshake:confirmed", {"peerId": payload["peerId"]})
            case "e2e:welcome" if self._session is not None and not self._session.is_open:
                self._session.welcomed(payload)
            case "e2e:sealed" if self._session is not None and self._session.is_open:
                self._take(*self._session.open(payload))
                return
            case "webrtc:offer" if self._webrtc and self._answering is None:
                self._answering = asyncio.ensure_future(self._answer(payload["offer"]))
        if event.endswith("rror"):
            self.answers.add(kind_of(encode(payload)))
        self.events[event] = payload
        self._changed.set()

    async def wait_for(self, event: str, timeout: float = SECONDS) -> Any:
        """Wait for an event, and return its payload. Raises Gone."""
        await self._until(lambda: event in self.events, timeout, event)
        return self.events[event]

    async def wait_for_one(self, *events: str) -> str:
        """Wait for the first of some events, and return its name. Raises Gone."""
        await self._until(lambda: any(event in self.events for event in events), SECONDS, " or ".join(events))
        return next(event for event in events if event in self.events)

    async def _until(self, ready: Callable[[], bool], timeout: float, what: str) -> None:
        assert self._socket is not None
        try:
            async with asyncio.timeout(timeout):
                while not ready():
                    if self._socket.closed.is_set():
                        raise Gone(f"the connection ended; expected {what}; the relay sent {self._summary()}")
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise Gone(f"expected {what} within {timeout:g} s; the relay sent {self._summary()}") from None

    def _summary(self) -> str:
        return f"{sorted(self.events)}, {str(self.events.get('error'))[:300]}"

    @property
    def is_connected(self) -> bool:
        """Return whether the relay has not closed the connection."""
        return self._socket is not None and not self._socket.closed.is_set()

    async def drain(self) -> None:
        """Wait until the kernel accepts more data."""
        assert self._socket is not None
        await self._socket.drain()

    async def relay_is_done(self, timeout: float = SECONDS) -> None:
        """Wait until the relay has handled everything sent. Raises Gone."""
        self._number += 1
        number = self._number
        self.write(b'42%d["relay:echo",{"nonce":"n"}]' % number)
        await self._until(lambda: self._acknowledged >= number, timeout, "an acknowledgement")

    async def agent_is_done(self, timeout: float = SECONDS) -> None:
        """Wait until the agent has handled everything sent by relay. Raises Gone."""
        self._number += 1
        nonce = f"fuzz-{self._number}"
        send = self.send if self._session is None else self.send_sealed
        send("system:echo", {"nonce": nonce})
        await self._until(lambda: self._nonce() == nonce, timeout, "the agent's echo")

    def _nonce(self) -> Any:
        echo = self.events.get("system:echo")
        return echo.get("nonce") if isinstance(echo, dict) else None

    # -- the data channel

    async def _answer(self, offer: dict[str, Any]) -> None:
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._peer.on("datachannel", self._channel_came)
        await self._peer.setRemoteDescription(RTCSessionDescription(sdp=offer["sdp"], type=offer["type"]))
        await self._peer.setLocalDescription(await self._peer.createAnswer())
        local = self._peer.localDescription
        answer = {"type": local.type, "sdp": local.sdp}
        send = self.send if self._session is None else self.send_sealed
        send("webrtc:answer", {"answer": self.change_answer(answer)})
        self.answer = answer
        self._changed.set()

    async def answered(self) -> None:
        """Wait until an offer has arrived and is answered. Raises Gone."""
        await self._until(lambda: bool(self.answer), SECONDS, "an offer")

    def wire(self) -> Wire:
        """Return the transport below the channel."""
        assert self._peer is not None
        return Wire(self._peer)

    def _channel_came(self, channel: RTCDataChannel) -> None:
        self.channel = channel
        channel.on("message", self._channel_said)
        self._changed.set()

    def _channel_said(self, text: str | bytes) -> None:
        if isinstance(text, str) and "rror" in text[:24]:
            self.answers.add(kind_of(text.encode()))
        if isinstance(text, str) and text.startswith('{"type":"system:echo"'):
            self.events["system:echo"] = json.loads(text)["payload"]
            self._changed.set()

    async def channel_opens(self) -> RTCDataChannel:
        """Wait for the data channel. Raises Gone."""
        await self._until(lambda: self.channel is not None and self.channel.readyState == "open", SECONDS, "a channel")
        assert self.channel is not None
        return self.channel

    async def channel_is_done(self, timeout: float = SECONDS) -> None:
        """Wait until the agent has handled everything sent on the channel. Raises Gone."""
        assert self.channel is not None
        self._number += 1
        nonce = f"fuzz-{self._number}"
        number = self.next_number()
        numbered = {} if number is None else {"seq": number}
        self.channel.send(json.dumps({"type": "system:echo", "payload": {"nonce": nonce}, **numbered}))
        await self._until(lambda: self._nonce() == nonce, timeout, "the agent's echo on the channel")
