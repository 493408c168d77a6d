"""The agent's link to a relay of its own, in the same process: no socket, no second encoding, no second queue.

What the agent sends goes straight to the phone's outbox, and only while that has room. What the relay tells waits in
the agent's own outbox there, and is handed on from the loop, in order; what the phone says is handed on at once, where
nothing waits. It owns its place in the relay.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mobifai.errors import LimitReached
from mobifai.relay.event_dispatcher import DeviceConnection
from mobifai.relay.local_connection import LocalConnection
from mobifai.relay.outbox import Outbox
from mobifai.relay.server import Relay
from mobifai.transport.transport import TransportClosed

if TYPE_CHECKING:
    from mobifai.transport.relay_client import RelayListener

_log = logging.getLogger(__name__)

BULK_BYTES = 32 << 10
"""Bytes in the phone's outbox at which output waits in the terminals: more only delays the echo."""

BULK_PACKETS = 16
"""Packets there at which it waits too: the outbox takes 48, and the parts of one piece of output must all fit."""

FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
"""Seconds until it joins again after the relay sent it away: a device that was revoked, or that came twice."""

LASTING_SECONDS = 5.0
"""A connection that ends sooner does not reset the delay."""


class InProcessRelayTransport:
    """A path to the phone through the relay of this process (see `link.relay_client.RelayClient` for one elsewhere)."""

    def __init__(self, relay: Relay, listener: "RelayListener", lasting_seconds: float = LASTING_SECONDS) -> None:
        self._loop = asyncio.get_running_loop()
        self._relay = relay
        self._listener = listener
        self._lasting_seconds = lasting_seconds
        self._connection: LocalConnection | None = None
        self._was_dropped = False

    # -- the path

    @property
    def open(self) -> bool:
        """Whether the agent is on the relay; whether a phone is there is for the pairing to say."""
        return self._connection is not None and not self._connection.outbox.ended

    @property
    def in_flight(self) -> int:
        """Messages that are not on the wire to the phone yet."""
        peer = self._peer()
        return peer.in_flight if peer is not None else 0

    def room_for_bulk(self, _: int = 0) -> bool:
        """Whether output may be sent now."""
        return self._has_room(_takes_output)

    def room_for_control(self) -> bool:
        """Whether a short message may be sent now."""
        return self._has_room(Outbox.has_room)

    def _has_room(self, enough: "Callable[[Outbox[Any]], bool]") -> bool:
        """Whether the phone's outbox has enough room; if not, the listener is told when it has moved."""
        peer = self._peer()
        if peer is None or enough(peer.outbox):
            return self.open
        peer.outbox.notify_when_drained(self._phone_reads)
        return False

    def _peer(self) -> DeviceConnection | None:
        return self._connection.peer if self._connection is not None else None

    def _phone_reads(self) -> None:
        if self.open:
            self._listener.relay_has_room()

    def send(self, event: str, payload: object) -> None:
        """Hand a message over. Raises TransportClosed when there is no connection, or no room."""
        if self._connection is None or not self.open:
            raise TransportClosed("the agent is not on its relay")
        try:
            self._connection.emit(event, payload)
        except LimitReached as error:
            raise TransportClosed(str(error)) from None

    # -- the connection

    def drop(self) -> None:
        """End this connection; the next one follows soon."""
        if self._connection is not None:
            self._was_dropped = True
            self._connection.close()

    async def run(self) -> None:
        """Be on the relay, and come again when sent away, until cancelled."""
        delay = FIRST_DELAY
        while True:
            if await self._one_connection():
                delay = FIRST_DELAY
            await asyncio.sleep(delay * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not a secret
            delay = min(delay * 2, LONGEST_DELAY)

    async def _one_connection(self) -> bool:
        """Join and listen until the connection ends; whether it lasted, or was ended from here."""
        began, self._was_dropped = self._loop.time(), False
        try:
            with self._relay.local() as connection:
                await self._serve(connection)
        except LimitReached as full:
            _log.warning("no place on the agent's own relay: %s", full)
        return self._was_dropped or self._loop.time() - began >= self._lasting_seconds

    async def _serve(self, connection: LocalConnection) -> None:
        """Hand on what the relay says until it sends us away; an agent that stops is not told of a lost relay."""
        self._connection = connection
        try:
            self._listener.relay_connected()
            connection.on_forwarded = self._hand_on
            while (heard := await connection.receive()) is not None:
                self._hand_on(*heard)
        finally:
            self._connection = connection.on_forwarded = None
        _log.warning("the agent was sent away from its own relay; it comes again")
        self._listener.relay_lost()

    def _hand_on(self, event: str, payload: object) -> None:
        try:
            self._listener.relay_message(event, payload)
        except Exception:
            _log.exception("event %r failed", event)


def _takes_output(outbox: "Outbox[Any]") -> bool:
    return outbox.has_room() and outbox.waiting_bytes < BULK_BYTES and len(outbox) < BULK_PACKETS
