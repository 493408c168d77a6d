"""A double of the legacy relay, written from protocol.md alone (sections 1 to 4).

Owns its listening socket and its devices between `start` and `stop`. Like that relay, it forwards few events,
announces a pairing twice, has no `peerChallenge`, and verifies nothing.
"""

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import urlencode

import engineio
import jwt
import socketio
from aiohttp import web

FORWARDED = frozenset(
    {
        "webrtc:offer",
        "webrtc:answer",
        "webrtc:ice-candidate",
        "terminal:input",
        "terminal:output",
        "terminal:resize",
        "terminal:dimensions",
        "system:message",
    }
)
TOKEN_SECONDS = 30 * 24 * 3600

Payload = dict[str, Any]


@dataclass(slots=True)
class Device:
    """A device on a connection. `verified` is the flag that this relay forgets to reset."""

    sid: str
    type: str
    device_id: str
    name: str
    public_key: str
    tab_count: int
    email: str | None = None
    peer: str | None = None
    verified: bool = False
    paired: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """An event that a device sent, and whether it was handed on or understood."""

    device_id: str | None
    event: str
    payload: Any
    dropped: bool


class _Engine(engineio.AsyncServer):
    """Tracks its background tasks, of which one would otherwise remain for each ended connection."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.background: set[asyncio.Task[Any]] = set()

    def start_background_task(
        self, target: Callable[..., Coroutine[Any, Any, Any]], *args: object, **kwargs: object
    ) -> asyncio.Task[Any]:
        task = asyncio.ensure_future(target(*args, **kwargs))
        self.background.add(task)
        task.add_done_callback(self.background.discard)
        return task


class _Server(socketio.AsyncServer):
    def _engineio_server_class(self) -> type[_Engine]:
        return _Engine


class LegacyRelay:
    """The relay. `stale_verified` plays what its kept flag does: the next pairings are announced by the first
    confirmation already, and again by the second.
    """

    def __init__(self, *, port: int = 0, stale_verified: bool = False) -> None:
        self.port = port
        self.stale_verified = stale_verified
        self.seen: deque[Seen] = deque(maxlen=1000)
        """The devices' messages, newest last."""
        self._secret = secrets.token_hex(32)
        self._devices: dict[str, Device] = {}
        self._server: _Server | None = None
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.stop()

    @property
    def url(self) -> str:
        """The address for devices."""
        return f"http://127.0.0.1:{self.port}"

    # -- up and down

    async def start(self) -> None:
        """Listen: on a free port the first time, on the same one after that."""
        # The library's monitor is not needed: the test disconnects a silent peer.
        # Handlers run one after the other, so a device's messages stay in order.
        self._server = _Server(
            async_mode="aiohttp", async_handlers=False, monitor_clients=False, cors_allowed_origins="*"
        )
        self._server.on("*", self._received)
        self._server.on("disconnect", self._gone)
        application = web.Application()
        self._server.attach(application)
        application.router.add_get("/health", self._health)
        application.router.add_get("/login", self._login)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Drop every connection and stop listening. Tokens stay valid. A second call has no effect."""
        server, self._server = self._server, None
        runner, self._runner = self._runner, None
        self._devices.clear()
        if server is None or runner is None:
            return
        for connection in list(server.eio.sockets.values()):
            # The library's own disconnect waits forever for a connection that is already closed.
            await connection.close(wait=False, abort=True)
            await connection.queue.put(None)
        await runner.cleanup()
        background = list(server.eio.background)
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ok", "timestamp": datetime.now(UTC).isoformat()})

    async def _login(self, _request: web.Request) -> web.Response:
        return web.Response(text="Sign in", content_type="text/html")

    # -- accounts

    def token(self, email: str = "ada@example.org") -> str:
        """Return a token of an account, valid for 30 days."""
        claims = {"id": email, "email": email, "name": email.partition("@")[0]}
        return jwt.encode({**claims, "exp": int(time.time()) + TOKEN_SECONDS}, self._secret, "HS256")

    async def sign_in(self, device_id: str, email: str = "ada@example.org") -> None:
        """Sign in at the login page, for a device that got `login_required`."""
        device = next((one for one in self._devices.values() if one.device_id == device_id), None)
        if device is None:
            raise LookupError(f"expected a device {device_id} that is connected; found {self.device_ids()}")
        await self._admit(device, self.token(email), email)

    def device_ids(self) -> list[str]:
        """Return the connected devices, signed in or not."""
        return [device.device_id for device in self._devices.values()]

    def is_paired(self, device_id: str) -> bool:
        """Return whether a device is paired."""
        return any(device.paired for device in self._devices.values() if device.device_id == device_id)

    # -- events

    async def _received(self, event: str, sid: str, payload: Any = None) -> None:
        device = self._devices.get(sid)
        act = {
            "register": self._register,
            "request_connection": self._request_connection,
            "handshake:response": self._response,
            "handshake:confirmed": self._confirmed,
        }.get(event)
        forwarded = event in FORWARDED and device is not None and device.paired
        self.seen.append(Seen(device and device.device_id, event, payload, dropped=not (act or forwarded)))
        if act is not None:
            await act(sid, payload if isinstance(payload, dict) else {})
        elif forwarded and device is not None and device.peer is not None:
            await self._emit(device.peer, event, payload)

    async def _emit(self, sid: str, event: str, payload: Any) -> None:
        if self._server is not None:
            await self._server.emit(event, payload, to=sid)

    async def _register(self, sid: str, payload: Payload) -> None:
        if not payload.get("deviceId") or not payload.get("publicKey"):
            await self._emit(sid, "error", {"message": "deviceId and publicKey are required"})
            return
        await self._replace(payload["deviceId"], sid)
        device = self._devices.get(sid) or Device(sid, "", "", "", "", 0)
        device.type, device.device_id, device.public_key = payload["type"], payload["deviceId"], payload["publicKey"]
        device.name, device.tab_count = payload.get("deviceName", "Device"), payload.get("tabCount", 0)
        self._devices[sid] = device
        await self._let_in(device, payload.get("token"))

    async def _replace(self, device_id: str, sid: str) -> None:
        for other in [one for one in self._devices.values() if one.device_id == device_id and one.sid != sid]:
            await self._gone(other.sid)

    async def _let_in(self, device: Device, token: str | None) -> None:
        if not token:
            query = urlencode({"deviceId": device.device_id, "type": device.type})
            await self._emit(device.sid, "login_required", {"message": "Please log in", "loginUrl": f"/login?{query}"})
            return
        try:
            email = jwt.decode(token, self._secret, ["HS256"])["email"]
        except jwt.PyJWTError:
            await self._emit(device.sid, "auth_error", {"message": "Invalid or expired token"})
            return
        await self._admit(device, token, email)

    async def _admit(self, device: Device, token: str, email: str) -> None:
        device.email = email
        user = {"id": email, "email": email, "name": email.partition("@")[0]}
        await self._emit(device.sid, "authenticated", {"token": token, "user": user})
        if device.type == "mac" and not device.paired:
            await self._emit(device.sid, "waiting_for_peer", {"message": "Waiting for a phone"})
        await self._tell_available(email)

    # -- pairing

    async def _tell_available(self, email: str) -> None:
        for phone in [one for one in self._devices.values() if one.type == "mobile" and one.email == email]:
            await self._emit(phone.sid, "available_devices", self._available(email))

    def _available(self, email: str) -> list[Payload]:
        return [
            {
                "deviceId": agent.device_id,
                "deviceName": agent.name,
                "status": "available",
                "tabCount": agent.tab_count,
            }
            for agent in self._devices.values()
            if agent.type == "mac" and agent.email == email and agent.peer is None
        ]

    async def _request_connection(self, sid: str, payload: Payload) -> None:
        phone = self._devices.get(sid)
        if phone is None or phone.email is None:
            await self._emit(sid, "error", {"message": "Not registered"})
            return
        agents = [one for one in self._devices.values() if one.device_id == payload.get("targetDeviceId")]
        if not agents or agents[0].type != "mac" or agents[0].email != phone.email or agents[0].peer is not None:
            await self._emit(sid, "error", {"message": "Device is not available"})
            await self._emit(sid, "available_devices", self._available(phone.email))
            return
        await self._join(phone, agents[0])

    async def _join(self, phone: Device, agent: Device) -> None:
        if phone.peer is not None:
            await self._part(phone)
        for one, other in ((agent, phone), (phone, agent)):
            one.peer, one.verified, one.paired = other.sid, self.stale_verified, False
        for one, other in ((agent, phone), (phone, agent)):
            asked = {"peerId": other.device_id, "peerPublicKey": other.public_key, "challenge": secrets.token_hex(32)}
            await self._emit(one.sid, "handshake:initiate", asked)
        await self._tell_available(phone.email or "")

    async def _response(self, sid: str, payload: Payload) -> None:
        device = self._devices.get(sid)
        if device is not None and device.peer is not None:
            verification = {"peerId": device.device_id, "signature": payload.get("signature")}
            await self._emit(device.peer, "handshake:verify", verification)

    async def _confirmed(self, sid: str, _payload: Payload) -> None:
        device = self._devices.get(sid)
        peer = self._devices.get(device.peer) if device is not None and device.peer is not None else None
        if device is None or peer is None:
            return
        device.verified = True
        if not peer.verified:
            return
        await self._announce(device, peer)
        if not self.stale_verified:
            await self._announce(device, peer)

    async def _announce(self, device: Device, peer: Device) -> None:
        for one, other in ((device, peer), (peer, device)):
            one.paired = True
            paired = {"message": f"Paired with {other.name}", "peerId": other.device_id}
            await self._emit(one.sid, "paired", paired)
        agent = device if device.type == "mac" else peer
        await self._emit(agent.sid, "request_dimensions", {})

    async def _part(self, device: Device) -> None:
        peer = self._devices.get(device.peer or "")
        device.peer, device.paired = None, False
        if peer is None:
            return
        peer.peer, peer.paired = None, False
        await self._emit(peer.sid, "paired_device_disconnected", {"message": f"{device.name} disconnected"})

    async def _gone(self, sid: str, _reason: str = "") -> None:
        device = self._devices.pop(sid, None)
        if device is None:
            return
        await self._part(device)
        if device.email is not None:
            await self._tell_available(device.email)
