"""A hostile relay: it sees everything that passes a real relay, and can change it.

It stands in front of a real relay, for HTTP and for WebSockets, so that agents and phones take it for that relay. By
default it only observes. `meddle` decides about every event; `say_to` sends an event in the relay's name.
"""

import asyncio
import binascii
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import aiohttp
from aiohttp import web

Device = Literal["agent", "phone"]
KINDS: dict[str, Device] = {"mac": "agent", "mobile": "phone"}


@dataclass(frozen=True)
class Passing:
    """An event on its way: `by` is the sending device, or `to` the receiving one (the other is None)."""

    event: str
    payload: Any
    by: Device | None = None
    to: Device | None = None


Meddle = Callable[[Passing], list[tuple[str, Any]]]


def lets_pass(passing: Passing) -> list[tuple[str, Any]]:
    """Pass an event unchanged."""
    return [(passing.event, passing.payload)]


@dataclass
class HostileRelay:
    """A running hostile relay. `seen` is every text that it saw, `passed` every event."""

    url: str = ""
    seen: list[str] = field(default_factory=list)
    passed: list[Passing] = field(default_factory=list)
    meddle: Meddle = lets_pass
    refuses: frozenset[str] = frozenset()
    """HTTP methods that it answers itself, with a refusal."""
    answers: dict[str, Any] = field(default_factory=dict)
    """Paths that it answers itself, with this as JSON."""
    _sockets: dict[Device, web.WebSocketResponse] = field(default_factory=dict)
    _relays: dict[Device, aiohttp.ClientWebSocketResponse] = field(default_factory=dict)

    def events(self, event: str, by: Device | None = None, to: Device | None = None) -> list[Any]:
        """Return the payloads of events that passed."""
        return [one.payload for one in self.passed if one.event == event and (one.by, one.to) == (by, to)]

    async def say_to(self, device: Device, event: str, payload: Any) -> None:
        """Send an event to a device, as the relay does."""
        await self._sockets[device].send_str(f"42{json.dumps([event, payload])}")

    async def say_for(self, device: Device, event: str, payload: Any) -> None:
        """Send an event to the real relay, as a device does."""
        await self._relays[device].send_str(f"42{json.dumps([event, payload])}")

    async def cut(self, device: Device) -> None:
        """End a device's connection."""
        await self._sockets[device].close()

    def knows(self, *texts: str) -> list[str]:
        """Return which of these texts occur in anything that it saw or can decode."""
        readable = "\n".join([*self.seen, *map(_decoded, self.passed)])
        return [text for text in texts if text in readable]

    # -- between the devices and the relay

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/socket.io/":
            return await self._socket(request)
        if request.method in self.refuses:
            return web.json_response({"message": "this relay does not do that"}, status=403)
        body = await request.read()
        if request.path in self.answers:
            self.seen.append(body.decode(errors="replace"))
            return web.json_response(self.answers[request.path])
        headers = {name: request.headers[name] for name in ("Authorization", "Content-Type") if name in request.headers}
        session = request.app[SESSION]
        async with session.request(
            request.method, f"{request.app[REAL]}{request.path_qs}", data=body, headers=headers, allow_redirects=False
        ) as answer:
            reply = await answer.read()
            self.seen += [body.decode(errors="replace"), reply.decode(errors="replace"), str(request.url)]
            return web.Response(status=answer.status, body=reply, content_type=answer.content_type)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        device = web.WebSocketResponse(max_msg_size=0, compress=False)
        await device.prepare(request)
        address = f"{request.app[REAL]}{request.path_qs}"
        async with request.app[SESSION].ws_connect(address, max_msg_size=0) as relay:
            here = _Connection(self, device, relay)
            upwards = asyncio.create_task(here.carry_up())
            try:
                await here.carry_down()
            finally:
                upwards.cancel()
                await asyncio.gather(upwards, return_exceptions=True)
        await device.close()
        return device


class _Connection:
    """Forward one device's connection in both directions."""

    def __init__(
        self, hostile: HostileRelay, device: web.WebSocketResponse, relay: aiohttp.ClientWebSocketResponse
    ) -> None:
        self._hostile = hostile
        self._device = device
        self._relay = relay
        self._kind: Device | None = None

    async def carry_up(self) -> None:
        async for message in self._device:
            for text in self._changed(str(message.data), up=True):
                await self._relay.send_str(text)
        await self._relay.close()

    async def carry_down(self) -> None:
        async for message in self._relay:
            for text in self._changed(str(message.data), up=False):
                await self._device.send_str(text)
        await self._device.close()

    def _changed(self, text: str, *, up: bool) -> list[str]:
        hostile = self._hostile
        hostile.seen.append(text)
        if not text.startswith("42"):
            return [text]
        event, *arguments = json.loads(text[2:])
        payload = arguments[0] if arguments else None
        if event == "register":
            self._kind = KINDS[payload["type"]]
            hostile._sockets[self._kind] = self._device
            hostile._relays[self._kind] = self._relay
        passing = Passing(event, payload, by=self._kind if up else None, to=None if up else self._kind)
        hostile.passed.append(passing)
        return [f"42{json.dumps(list(one))}" for one in hostile.meddle(passing)]


def _decoded(passing: Passing) -> str:
    """Return the text that is in Base64."""
    payload = passing.payload if isinstance(passing.payload, dict) else {}
    found = [payload[name] for name in ("data", "message") if isinstance(payload.get(name), str)]
    texts = []
    for one in found:
        try:
            texts.append(binascii.a2b_base64(one).decode(errors="replace"))
        except ValueError:
            continue
    return "\n".join(texts)


REAL = web.AppKey("real", str)
SESSION = web.AppKey("session", aiohttp.ClientSession)


@asynccontextmanager
async def hostile_relay(real_url: str) -> AsyncIterator[HostileRelay]:
    """Run a hostile relay in front of a real one."""
    hostile = HostileRelay()
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        app = web.Application(client_max_size=0)
        app[REAL], app[SESSION] = real_url, session
        app.router.add_route("*", "/{path:.*}", hostile._serve)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            host, port = runner.addresses[0][:2]
            hostile.url = f"http://{host}:{port}"
            yield hostile
        finally:
            for socket in list(hostile._sockets.values()):
                await socket.close()
            await runner.cleanup()
