"""The connection of a device in the relay's own process: the agent of `mobifai serve`.

The relay treats it like the connection of any other device. Events for the device are queued in an outbox with the
usual limit. Only a forwarded event of its peer is delivered immediately, if the outbox is empty. Events that the device
emits are handled immediately, so the device has to check `has_room` before.
"""

import logging
from collections.abc import Callable
from typing import Protocol

import msgspec

from mobifai.bounds import Bound
from mobifai.errors import LimitReached
from mobifai.protocol import messages
from mobifai.protocol.codec import encode
from mobifai.protocol.relay_pairing import is_forwarded
from mobifai.relay.close_codes import CloseCode
from mobifai.relay.event_dispatcher import DeviceConnection
from mobifai.relay.outbox import Outbox

_log = logging.getLogger(__name__)

LocalEvent = tuple[str, msgspec.Raw]
"""An event's name, and its payload as JSON."""


class LocalEventHandler(Protocol):
    """The handler of the events that a device in this process emits (see `EventDispatcher`)."""

    def handle(self, connection: DeviceConnection, event: str, arguments: tuple[object, ...]) -> None:
        """Handle one event that the device emitted on `connection`, without waiting."""

    def peer_of(self, key: str) -> DeviceConnection | None:
        """Return the connection of the other device in the pair of connection `key`, or None."""


class LocalConnection:
    """A `DeviceConnection` in this process. `most_bytes` is the maximum payload, in bytes, that the device may send."""

    def __init__(
        self,
        key: str,
        backlog: Bound,
        most_bytes: int,
        handler: LocalEventHandler,
        opened_at: float,
        seat: int = 0,
    ) -> None:
        self.key = key
        self.seat = seat
        self.address = "this process"
        self.in_process = True
        self.opened_at = opened_at
        self.outbox: Outbox[LocalEvent] = Outbox(backlog, most_bytes, _size, self.abort)
        self.pending_register: messages.Register | None = None
        self.nonce = ""
        self.signed_in = False
        self._receiver: Callable[[str, msgspec.Raw], None] | None = None
        self._most_bytes = most_bytes
        self._handler = handler

    # -- what the relay does

    @property
    def in_flight(self) -> int:
        """Number of queued events that the device has not received yet."""
        return len(self.outbox)

    def send(self, event: str, payload: object) -> None:
        """Queue an event for the device. Deliver it now if it was forwarded from the peer and the queue is empty.

        If the queue is full, close the connection.
        """
        raw = payload if isinstance(payload, msgspec.Raw) else msgspec.Raw(encode(payload))
        if self._receiver is not None and is_forwarded(event) and not len(self.outbox) and not self.outbox.ended:
            self._deliver(self._receiver, event, raw)
        else:
            self.outbox.put((event, raw))

    def disconnect(self) -> None:
        """Close the connection. The device can still receive queued events."""
        self.outbox.finish()

    def close(self, _code: CloseCode = CloseCode.OK) -> None:
        """Close the connection. The device can still receive queued events."""
        self.outbox.finish()

    def abort(self) -> None:
        """Close the connection, and discard queued events."""
        self.outbox.clear()

    # -- what the device does

    async def deliver_to(self, receiver: Callable[[str, msgspec.Raw], None]) -> None:
        """Call `receiver` with each event's name and payload, in order, until the connection is closed.

        Exceptions of `receiver` are logged.
        """
        self._receiver = receiver
        try:
            while (event := await self.receive()) is not None:
                self._deliver(receiver, *event)
        finally:
            self._receiver = None

    @staticmethod
    def _deliver(receiver: Callable[[str, msgspec.Raw], None], event: str, payload: msgspec.Raw) -> None:
        try:
            receiver(event, payload)
        except Exception:
            _log.exception("the agent could not handle the event %r of its own relay", event)

    async def receive(self) -> LocalEvent | None:
        """Wait for the next event. Return None once the connection is closed and no event is queued."""
        return await self.outbox.get()

    def emit(self, event: str, payload: object) -> None:
        """Send an event to the relay, or through it to the paired device.

        Raises LimitReached if there is no room, or the payload is too large.
        """
        if not self.has_room(event):
            raise LimitReached(f"{event}: the queue of the paired device is full, because that device does not read it")
        raw = payload if isinstance(payload, msgspec.Raw) else msgspec.Raw(encode(payload))
        if len(raw) > self._most_bytes:
            raise LimitReached(f"{event}: expected at most {self._most_bytes} bytes; found {len(raw)}")
        self._handler.handle(self, event, (raw,))

    def has_room(self, event: str) -> bool:
        """Return whether `emit` has room for this event now."""
        peer = self.peer if is_forwarded(event) else None
        return self.outbox.has_room() and (peer is None or peer.outbox.has_room())

    @property
    def peer(self) -> DeviceConnection | None:
        """The connection of the paired device, also while the pairing is under way."""
        return self._handler.peer_of(self.key)


def _size(event: LocalEvent) -> int:
    return len(event[0]) + len(event[1])
