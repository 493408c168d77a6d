"""A relay without HTTP, with an agent and a phone in the same process. The phone reads only when a test asks it to."""

import asyncio
import json
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import msgspec

from mobifai.bounds import BoundedMap, Ledger
from mobifai.limits import RELAY_SOCKETS
from mobifai.protocol import messages
from mobifai.protocol.relay_pairing import RelayRegistry
from mobifai.relay.event_dispatcher import EventDispatcher
from mobifai.relay.local_connection import LocalConnection
from mobifai.relay.socketio_endpoint import SocketIOEndpoint
from mobifai.relay.store import OWNER
from mobifai.transport.relay_in_process import InProcessRelayTransport

AGENT, PHONE = "agent-1", "phone-1"


class LetsIn:
    """Accepts every device."""

    shared = False

    def authenticate(self, register: messages.Register, _address: str, *, in_process: bool) -> messages.Authenticated:
        return messages.Authenticated(token=register.device_id, user=messages.User(id=OWNER, email="", name=""))

    def record_connected(self, account: str, device_id: str) -> None:
        """Record nothing."""


class RelayInside:
    """The relay's endpoint and rooms. `local` is what the agent uses of `relay.server.Relay`."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.now = 0.0
        connections: BoundedMap[str, Any] = BoundedMap(ledger.open(RELAY_SOCKETS))
        rooms = RelayRegistry(ledger, lambda: "00" * 32)
        self.sockets = EventDispatcher(rooms, LetsIn(), connections, ledger, lambda: self.now)  # type: ignore[arg-type]
        self.endpoint = SocketIOEndpoint(ledger, connections, self.sockets, lambda: self.now)

    def local(self, seat: int = 0) -> AbstractContextManager[LocalConnection]:
        return self.endpoint.local(seat)

    def used(self, name: str) -> Any:
        """Return the ledger's figures of a limit."""
        return next(entry for entry in self.ledger.entries() if entry.name == name)


class Phone:
    """A phone. `received` holds the messages that it received."""

    def __init__(self, relay: RelayInside) -> None:
        self._relay = relay
        self._scope = ExitStack()
        self.connection = self._scope.enter_context(relay.local())
        self.received: list[tuple[str, Any]] = []
        self.connection.emit("register", register("mobile", PHONE))

    async def read(self, count: int = 1000) -> None:
        """Read what waits, at most so many events; accept every agent."""
        for _ in range(count):
            try:
                async with asyncio.timeout(0.001):
                    message = await self.connection.receive()
            except TimeoutError:
                return
            if message is None:
                return
            event, payload = message[0], json.loads(bytes(message[1]))  # msgspec takes no half character
            self.received.append((event, payload))
            if event == "handshake:initiate":
                self.connection.emit("handshake:confirmed", messages.HandshakeConfirmed(peer_id=AGENT))

    async def ask(self) -> None:
        """Ask for the agent."""
        await self.say("request_connection", messages.RequestConnection(target_device_id=AGENT))

    async def say(self, event: str, payload: object) -> None:
        """Send an event as a device on a WebSocket does, which waits for room."""
        raw = msgspec.Raw(msgspec.json.encode(payload))
        await self._relay.sockets.on_event(self.connection, event, (raw,))

    def leave(self) -> None:
        self._scope.close()


class Agent:
    """The agent's listener, which accepts every phone. `events` holds the relay's messages and their results."""

    def __init__(self, relay: RelayInside) -> None:
        self.events: list[Any] = []
        self.room_notifications = 0
        self.during = lambda _event: None
        self.link = InProcessRelayTransport(relay, self)  # type: ignore[arg-type]

    def relay_connected(self) -> None:
        self.events.append("connected")
        self.link.send("register", register("mac", AGENT))

    def relay_lost(self) -> None:
        self.events.append("lost")

    def relay_message(self, event: str, payload: Any) -> None:
        self.events.append((event, msgspec.json.decode(payload)))
        if event == "handshake:initiate":
            self.link.send("handshake:confirmed", messages.HandshakeConfirmed(peer_id=PHONE))
        self.during(event)

    def relay_has_room(self) -> None:
        self.room_notifications += 1

    def payloads_of(self, event: str) -> list[Any]:
        """Return the payloads of an event, in order."""
        return [one[1] for one in self.events if isinstance(one, tuple) and one[0] == event]


def register(kind: Any, device_id: str) -> messages.Register:
    """Return a device's first message."""
    return messages.Register(type=kind, device_id=device_id, public_key="04" + "00" * 64)


async def settle() -> None:
    """Let everything that can go on go on."""
    for _ in range(12):
        await asyncio.sleep(0)
