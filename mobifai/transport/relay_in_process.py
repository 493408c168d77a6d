"""The agent's connection to a relay in the same process: no socket, no second encoding, no second queue.

Messages to the phone go straight to the phone's outbox at the relay, while that has room. Messages to the agent go
straight from the relay's `LocalConnection` to the listener.
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
"""While the phone's outbox holds this many bytes, output waits in the terminals: more would only delay an echo."""

BULK_PACKETS = 16
"""While the phone's outbox holds this many packets, output waits, too. The outbox has room for 48, and all parts of one
chunk have to fit."""

FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
"""Seconds until the agent connects again after the relay closed the connection, for example because the device was
revoked or connected twice."""

LASTING_SECONDS = 5.0
"""How many seconds a connection has to last to reset the delay."""


class InProcessRelayTransport:
    """A transport to the phone through the relay in this process. (`RelayClient` is that for a relay elsewhere.)

    A connection that lasts `lasting_seconds` resets the delay before the next one. `seat` is the agent's registration
    to use.
    """

    def __init__(
        self, relay: Relay, listener: "RelayListener", lasting_seconds: float = LASTING_SECONDS, seat: int = 0
    ) -> None:
        self._seat = seat
        self._loop = asyncio.get_running_loop()
        self._relay = relay
        self._listener = listener
        self._lasting_seconds = lasting_seconds
        self._connection: LocalConnection | None = None
        self._was_dropped = False

    # -- the transport

    @property
    def open(self) -> bool:
        """Whether the agent is connected; a phone may still be missing."""
        return self._connection is not None and not self._connection.outbox.ended

    @property
    def in_flight(self) -> int:
        """Number of packets to the phone that the operating system has not accepted yet."""
        peer = self._peer()
        return peer.in_flight if peer is not None else 0

    def room_for_bulk(self, _: int = 0) -> bool:
        """Return whether output may be sent now."""
        return self._has_room(_takes_output)

    def room_for_control(self) -> bool:
        """Return whether a short message may be sent now."""
        return self._has_room(Outbox.has_room)

    def _has_room(self, enough: "Callable[[Outbox[Any]], bool]") -> bool:
        """Return whether the phone's outbox has room, by the test `enough`.

        If not, the listener is notified once the outbox has sent a packet.
        """
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
        """Send a message to the relay, or by the relay to the phone.

        Raises TransportClosed without a connection, or without room.
        """
        if self._connection is None or not self.open:
            raise TransportClosed("the agent is not connected to its own relay")
        try:
            self._connection.emit(event, payload)
        except LimitReached as error:
            raise TransportClosed(str(error)) from None

    # -- the connection

    def drop(self) -> None:
        """End the connection to the relay; the next one follows soon."""
        if self._connection is not None:
            self._was_dropped = True
            self._connection.close()

    async def run(self) -> None:
        """Stay connected to the relay until cancelled."""
        delay = FIRST_DELAY
        while True:
            if await self._one_connection():
                delay = FIRST_DELAY
            await asyncio.sleep(delay * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not a secret
            delay = min(delay * 2, LONGEST_DELAY)

    async def _one_connection(self) -> bool:
        """Connect and receive until the connection ends.

        Return True if the connection lasted, or if this agent ended it.
        """
        began, self._was_dropped = self._loop.time(), False
        try:
            with self._relay.local(self._seat) as connection:
                await self._serve(connection)
        except LimitReached as full:
            _log.warning("the agent could not connect to its own relay, and tries again: %s", full)
        return self._was_dropped or self._loop.time() - began >= self._lasting_seconds

    async def _serve(self, connection: LocalConnection) -> None:
        """Pass the relay's messages to the listener until the connection is closed, then report `relay_lost`.

        Nothing is reported if this task is cancelled, because the agent stops.
        """
        self._connection = connection
        try:
            self._listener.relay_connected()
            await connection.deliver_to(self._listener.relay_message)
        finally:
            self._connection = None
        _log.warning("the agent's own relay closed its connection; connecting again")
        self._listener.relay_lost()


def _takes_output(outbox: "Outbox[Any]") -> bool:
    return outbox.has_room() and outbox.waiting_bytes < BULK_BYTES and len(outbox) < BULK_PACKETS
