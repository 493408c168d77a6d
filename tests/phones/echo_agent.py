"""An agent with just enough in it to try phones on: it pairs by the real protocol code, and echoes what is typed.

Owns its connection to the relay and one peer connection. Its terminals are names only; nothing runs in them.
"""

import asyncio
import json
import uuid
from contextlib import AsyncExitStack
from typing import Any, Self

import aiohttp
import msgspec
import socketio
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.sdp import candidate_from_sdp

from mobifai.protocol import agent_commands, messages
from mobifai.protocol.agent_pairing import Pairing
from mobifai.protocol.codec import decode_frame, encode_frame
from mobifai.protocol.handshake import Identity
from soak.phone.event_log import Json
from soak.phone.peer_connection import close_connection

RESET = "\x1bc"


class EchoAgent:
    """Registers, pairs, offers, and answers what phones do. `received` holds the phone's messages with their path."""

    def __init__(self, relay_url: str, token: str | None, *, identity: Identity | None = None) -> None:
        self.device_id = str(uuid.uuid4())
        self.received: list[tuple[str, str, Any]] = []
        self.frames: list[str] = []
        self.said: list[str] = []
        self.offers = 0
        self.peer: RTCPeerConnection | None = None
        self.channel: Any = None
        self._url, self._token = relay_url, token
        self._machine = Pairing(self.device_id, "echo", identity or Identity.generate(), token)
        self._signals: asyncio.Queue[tuple[str, Any] | None] = asyncio.Queue(100)
        self._terminals: dict[str, str] = {}
        self._text: dict[str, str] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        session = await self._stack.enter_async_context(aiohttp.ClientSession())
        self._relay = socketio.AsyncClient(reconnection=False, handle_sigint=False, http_session=session)
        self._relay.on("*", lambda event, *arguments: self._signals.put_nowait((event, (arguments or (None,))[0])))
        await self._relay.connect(self._url, transports=["websocket"])
        self._stack.push_async_callback(self._relay.disconnect)
        self._stack.push_async_callback(self.close_peer)
        self._answering = asyncio.create_task(self._answer_signals())
        self._stack.push_async_callback(self._stop_answering)
        await self._obey(self._machine.relay_connected(0))
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    # -- the relay

    async def _answer_signals(self) -> None:
        while (signal := await self._signals.get()) is not None:
            event, payload = signal
            if event in messages.FROM_PHONE:
                self._from_phone("relay", event, payload)
            elif event == "webrtc:answer":
                answer = messages.decode(messages.FROM_RELAY, event, payload).answer
                await self.peer.setRemoteDescription(RTCSessionDescription(answer.sdp, answer.type))
            elif event == "webrtc:ice-candidate":
                await self._candidate(messages.decode(messages.FROM_RELAY, event, payload).candidate)
            elif event in messages.FROM_RELAY:
                await self._obey(self._decide(event, messages.decode(messages.FROM_RELAY, event, payload)))

    async def _stop_answering(self) -> None:
        self._signals.put_nowait(None)
        await self._answering

    def _decide(self, event: str, message: Json) -> list[agent_commands.PairingCommand]:
        decisions = {
            "authenticated": self._machine.authenticated,
            "login_required": self._machine.login_required,
            "handshake:initiate": self._machine.initiate,
            "handshake:verify": self._machine.verify,
            "paired": self._machine.paired,
            "paired_device_disconnected": lambda _message: self._machine.peer_left_relay(self.channel_open, 0),
        }
        return decisions[event](message) if event in decisions else []

    async def _obey(self, commands: list[agent_commands.PairingCommand]) -> None:
        for command in commands:
            match command:
                case agent_commands.SendToRelay(event, payload):
                    await self._relay.emit(event, msgspec.to_builtins(payload))
                case agent_commands.OpenPeer():
                    await self._offer()
                case agent_commands.ClosePeer():
                    await self.close_peer()
                case agent_commands.LogEntry(text):
                    self.said.append(text)

    # -- the peer connection

    async def _offer(self) -> None:
        await self.close_peer()
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.channel = self.peer.createDataChannel("terminal")
        self.channel.on("open", lambda: self.say("processes:sync", self._sync(), "channel"))
        self.channel.on("message", self._frame)
        await self.peer.setLocalDescription(await self.peer.createOffer())
        self.offers += 1
        local = self.peer.localDescription
        await self._relay.emit("webrtc:offer", {"offer": {"type": local.type, "sdp": local.sdp}})

    async def _candidate(self, candidate: messages.Candidate | None) -> None:
        if self.peer is None or candidate is None or not candidate.candidate:
            return
        if self.peer.signalingState != "stable":
            return  # the answer has them all too
        parsed = candidate_from_sdp(candidate.candidate.removeprefix("candidate:"))
        parsed.sdpMid, parsed.sdpMLineIndex = candidate.sdp_mid, candidate.sdp_mline_index
        await self.peer.addIceCandidate(parsed)

    @property
    def channel_open(self) -> bool:
        return self.channel is not None and self.channel.readyState == "open"

    async def close_peer(self) -> None:
        peer, self.peer, self.channel = self.peer, None, None
        if peer is not None:
            await close_connection(peer)

    async def offer_again(self) -> None:
        await self._offer()

    # -- phones

    def say(self, event: str, payload: Json, path: str) -> None:
        if path == "channel":
            self.channel.send(encode_frame(event, payload).decode())
        else:
            self._sending = asyncio.ensure_future(self._relay.emit(event, payload))

    def _frame(self, text: str) -> None:
        self.frames.append(text)
        event, raw, _ = decode_frame(text)
        self._from_phone("channel", event, json.loads(bytes(raw)))

    def _sync(self) -> dict[str, Any]:
        processes = [{"uuid": one, "name": name, "createdAt": 1} for one, name in self._terminals.items()]
        return {"processes": processes, "activeUuids": []}

    def _from_phone(self, path: str, event: str, payload: Json) -> None:
        self.received.append((path, event, payload))
        match event:
            case "process:create" if payload["cols"] < 1:
                self.say("process:error", {"uuid": payload["uuid"], "error": "expected columns from 1"}, path)
            case "process:create":
                name = payload.get("name", "Tab 1")
                self._terminals[payload["uuid"]] = name
                self.say("process:created", {"uuid": payload["uuid"], "name": name}, path)
            case "process:rename":
                self.say("process:renamed", payload, path)
            case "process:terminate":
                self.say("process:terminated", payload, path)
            case "process:switch":
                for one in payload["activeUuids"]:
                    self.say("process:screen", {"uuid": one, "data": RESET + self._text.get(one, "")}, path)
            case "terminal:input":
                self._text[payload["uuid"]] = self._text.get(payload["uuid"], "") + payload["data"]
                self.say("terminal:output", payload, path)
