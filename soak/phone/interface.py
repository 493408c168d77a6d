"""The methods that every kind of phone offers, on top of abstract transports.

Owns the order of messages in each operation. Subclasses provide the transports; `soak.phone.state` keeps the state.
"""

import uuid as uuids
from abc import ABC, abstractmethod
from typing import Literal, Self

from soak.phone.event_log import Json, PhoneError, ReceivedEvent
from soak.phone.frames import action
from soak.phone.state import PhoneState, Where

Path = Literal["channel", "relay"]

TYPED = 8_000
"""Most characters in one `terminal:input`: at most 48,000 bytes as JSON, so that a frame has less than 64 KiB."""


class PhoneInterface(PhoneState, ABC):
    """The base class of every kind of phone.

    As a context manager, a phone disconnects on exit and closes everything that it owns.
    """

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.leave()

    # -- transports, which each kind of phone provides

    @property
    @abstractmethod
    def relay_is_up(self) -> bool:
        """Whether the connection to the relay is up."""

    @property
    @abstractmethod
    def channel_is_open(self) -> bool:
        """Whether the data channel can be written to."""

    @abstractmethod
    async def _open_relay(self) -> None:
        """Connect to the relay. Raises PhoneError."""

    @abstractmethod
    async def _register(self) -> None:
        """Send `register` to the relay."""

    @abstractmethod
    async def _to_relay(self, event: str, payload: Json) -> None:
        """Send a Socket.IO event to the relay. Raises PhoneError."""

    @abstractmethod
    async def _to_channel(self, event: str, payload: Json) -> None:
        """Send an event as a frame on the data channel. Raises PhoneError."""

    @abstractmethod
    async def drop_channel(self) -> None:
        """Close the peer connection, as an app does. The connection to the relay stays open."""

    @abstractmethod
    async def drop_relay(self) -> None:
        """Close the connection to the relay, as an app does. The data channel stays open."""

    @abstractmethod
    async def vanish(self) -> None:
        """Disconnect without closing: TCP is cut, and UDP packets are no longer answered."""

    # -- connecting and leaving

    async def connect(self, timeout: float = 15) -> dict[str, Json]:
        """Connect, register, and return the `authenticated` payload.

        Raises PhoneError with `login_required`, `auth_error` or `error`. The connection then stays open, so that the
        user can still sign in. After `auth_error` the token is dropped, and the next `connect` registers without a
        token.
        """
        mark = self.mark()
        if not self.relay_is_up:
            await self._open_relay()
        await self._register()
        answer = await self._first(("authenticated", "login_required", "auth_error", "error"), None, timeout, mark)
        if answer.event != "authenticated":
            raise _refused(answer)
        return dict(answer.payload)

    async def pair(self, device_id: str | None = None, timeout: float = 15) -> dict[str, Json]:
        """Pair with an agent, by default with the first available agent. Return the `paired` payload. Raises
        PhoneError.
        """
        target = device_id or await self._first_on_offer(timeout)
        mark = self.mark()
        await self._to_relay("request_connection", {"targetDeviceId": target})
        answer = await self._first(("paired", "error"), None, timeout, mark)
        if answer.event != "paired":
            raise _refused(answer)
        return dict(answer.payload)

    async def _first_on_offer(self, timeout: float) -> str:
        devices = await self._changes.until(lambda: self.devices or None, timeout, lambda: "an available agent")
        return str(devices[0]["deviceId"])

    async def channel_open(self, timeout: float = 20) -> None:
        """Wait until the data channel is open. Raises PhoneError."""
        await self.until(lambda: self.channel_is_open, "the data channel to open", timeout)

    async def leave(self) -> None:
        """Close every transport. Idempotent. A later `connect` registers as the same device."""
        await self.drop_channel()
        await self.drop_relay()

    async def reconnect(self, timeout: float = 15) -> dict[str, Json]:
        """Close the connection to the relay, even after `vanish`, open a new one and register. Return what `connect`
        returns.

        An open data channel stays open.
        """
        await self.drop_relay()
        return await self.connect(timeout)

    # -- sending

    @property
    def path(self) -> Path | None:
        """The transport of the next message; None if no transport is open."""
        if self.channel_is_open:
            return "channel"
        return "relay" if self.relay_is_up and self.paired_with is not None else None

    async def send(self, event: str, payload: Json, via: Path | None = None) -> None:
        """Send an event to the agent, on the data channel if it is open and otherwise through the relay.

        `via` forces one of the two transports. Events of the code editor (section 6 of the protocol) are named with
        their namespace, such as `code:getFile`. Raises PhoneError.
        """
        path = via or self.path
        if path is None:
            raise PhoneError(
                "not_connected", f"{self.name} has neither a data channel nor a pairing; {event} was not sent"
            )
        if path == "channel":
            await self._to_channel(event, payload)
        else:
            await self._to_relay(action(event), payload)

    async def create(
        self, uuid: str | None = None, name: str | None = None, cols: int = 80, rows: int = 24, timeout: float = 15
    ) -> str:
        """Create a terminal and return its uuid once the agent confirms it. Raises PhoneError."""
        uuid = uuid or str(uuids.uuid4())
        named = {} if name is None else {"name": name}
        wanted = {"uuid": uuid, **named, "cols": cols, "rows": rows}
        await self._ask("process:create", wanted, "process:created", timeout)
        return uuid

    async def rename(self, uuid: str, name: str, timeout: float = 10) -> None:
        """Rename a terminal. Raises PhoneError."""
        await self._ask("process:rename", {"uuid": uuid, "name": name}, "process:renamed", timeout)

    async def terminate(self, uuid: str, timeout: float = 10) -> None:
        """Close a terminal and end its program. Raises PhoneError."""
        await self._ask("process:terminate", {"uuid": uuid}, "process:terminated", timeout)

    async def _ask(self, event: str, payload: dict[str, Json], answer: str, timeout: float) -> None:
        mark = self.mark()
        await self.send(event, payload)
        received = await self._first((answer, "process:error"), _about(payload["uuid"]), timeout, mark)
        if received.event != answer:
            raise _refused(received)

    async def type(self, uuid: str, text: str, via: Path | None = None) -> None:
        """Type into a terminal. A long text is sent in several messages."""
        for start in range(0, len(text), TYPED):
            await self.send("terminal:input", {"uuid": uuid, "data": text[start : start + TYPED]}, via)

    async def resize(self, uuid: str, cols: int, rows: int) -> None:
        """Resize a terminal."""
        await self.send("terminal:resize", {"uuid": uuid, "cols": cols, "rows": rows})

    async def switch(self, *active: str) -> None:
        """Make the terminals `active` the only ones whose output is sent to the phone."""
        await self.send("process:switch", {"activeUuids": list(active)})


def _about(uuid: str) -> Where:
    return lambda payload: isinstance(payload, dict) and payload.get("uuid") == uuid


def _refused(received: ReceivedEvent) -> PhoneError:
    payload = received.payload if isinstance(received.payload, dict) else {}
    return PhoneError(
        received.event, str(payload.get("message") or payload.get("error") or received.payload), received.payload
    )
