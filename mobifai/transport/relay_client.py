"""The agent's connection to a relay on another machine, which is restored as long as the agent runs.

`RelayClient` owns the connection and the messages that wait to be sent on it. It passes events to its listener as they
arrive. Invalid data of a relay, or an error in a handler, ends only the connection. The next one follows after a pause.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Protocol

import aiohttp

from mobifai.bounds import ItemQueue, Ledger
from mobifai.errors import LimitReached, RelayUnreachable
from mobifai.limits import RELAY_MESSAGE, RELAY_QUEUE
from mobifai.transport import relay_packet as packets
from mobifai.transport.http_client import explain
from mobifai.transport.relay_socket import RelaySocket
from mobifai.transport.transport import TransportClosed

_log = logging.getLogger(__name__)

FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
"""Seconds between attempts to connect. A relay that restarts is back soon. A relay that is down for a day is tried
twice a minute.
"""

CONNECT_SECONDS = 15.0

LASTING_SECONDS = 5.0
"""How long a connection has to last to reset the delay: some relays accept a connection and then drop it."""

SLICE_SECONDS = 0.01
"""How long received packets are handled before other tasks of the agent get a turn."""

_BULK_PACKETS = 4
"""Packets of output that may wait: 16 KiB each, enough to keep the connection busy, and few enough for a quick echo."""


class RelayListener(Protocol):
    """Receives events of the agent's connection to its relay. No method may block."""

    def relay_connected(self) -> None:
        """A new connection is established."""

    def relay_lost(self) -> None:
        """The connection is lost."""

    def relay_message(self, event: str, payload: object) -> None:
        """An event arrived. `payload` is its argument as JSON that is not decoded yet; None if it has none."""

    def relay_has_room(self) -> None:
        """A waiting message was sent, so there may be room for others."""


class RelayClient:
    """A transport to the phone through the relay at `url`.

    `token` returns the token to sign in with, or None. Pauses between connections are divided by `time_scale`.
    """

    def __init__(
        self,
        url: str,
        ledger: Ledger,
        listener: RelayListener,
        token: Callable[[], str | None],
        time_scale: float = 1.0,
    ) -> None:
        self.url = url
        self._loop = asyncio.get_running_loop()
        self._ledger = ledger
        self._bound = ledger.open(RELAY_QUEUE)
        self._waiting: ItemQueue[tuple[str, object]] = ItemQueue(self._bound)
        self._to_send = asyncio.Event()
        self._listener = listener
        self._token = token
        self._time_scale = time_scale
        self._sending = 0
        self._pong_due = False
        self._connected = False
        self._said_lost = False
        self._lasted = False
        self._drop = asyncio.Event()

    # -- the transport

    @property
    def open(self) -> bool:
        """Whether the relay is connected; a phone may still be missing."""
        return self._connected

    @property
    def in_flight(self) -> int:
        """Number of messages to the relay that the operating system has not accepted yet."""
        return len(self._waiting) + self._sending

    def room_for_bulk(self, _: int = 0) -> bool:
        """Return whether output may be sent now."""
        return self._connected and self.in_flight < min(_BULK_PACKETS, self._bound.capacity)

    def room_for_control(self) -> bool:
        """Return whether a short message may be sent now."""
        return self._connected and len(self._waiting) < self._bound.capacity

    def send(self, event: str, payload: object) -> None:
        """Send a message to the relay, or by the relay to the phone.

        Raises TransportClosed without a connection, or without room.
        """
        if not self._connected:
            raise TransportClosed("the relay is not connected")
        try:
            self._waiting.append((event, payload))
        except LimitReached as error:
            raise TransportClosed(str(error)) from None
        self._to_send.set()

    # -- the connection

    def drop(self) -> None:
        """End the connection to the relay. The next one follows soon, since the relay is not at fault."""
        self._drop.set()

    async def run(self) -> None:
        """Stay connected to the relay until cancelled."""
        delay = FIRST_DELAY
        try:
            while True:
                if await self._one_connection():
                    delay = FIRST_DELAY
                jitter = random.uniform(0.5, 1.5)  # noqa: S311 - not a secret
                await asyncio.sleep(delay * jitter / self._time_scale)
                delay = min(delay * 2, LONGEST_DELAY)
        finally:
            self._ledger.close(self._bound)

    async def _one_connection(self) -> bool:
        """Connect and serve until the connection ends. Return whether it lasted LASTING_SECONDS or was dropped."""
        self._drop = asyncio.Event()
        self._lasted = False
        socket = RelaySocket(self.url, self._ledger.capacity(RELAY_MESSAGE))
        try:
            await socket.open(self._token(), CONNECT_SECONDS)
            await self._serve(socket)
        except (
            Exception
        ) as error:  # any exception that a relay's data causes in a library or a handler ends only this connection
            self._report_lost(explain(error, self.url), error)
        finally:
            await socket.close()
        return self._lasted or self._drop.is_set()

    async def _serve(self, socket: RelaySocket) -> None:
        """Read and write until the connection ends. Raises the error that ended it."""
        if not self._said_lost:
            _log.info("connected to the relay %s", self.url)
        self._connected = True
        try:
            self._listener.relay_connected()
            await self._until_lost(
                asyncio.create_task(self._read(socket), name="relay-reader"),
                asyncio.create_task(self._write(socket), name="relay-writer"),
                asyncio.create_task(self._until_dropped(), name="relay-drop"),
            )
        finally:
            self._connected = self._pong_due = False
            self._waiting.clear()
            self._sending = 0
            self._listener.relay_lost()

    async def _until_lost(self, *work: asyncio.Task[None]) -> None:
        """Wait until one of the tasks fails, and raise its error.

        A connection that lasts LASTING_SECONDS ends the outage before it: the next failure is logged again.
        """
        try:
            done, _ = await asyncio.wait(
                work, timeout=LASTING_SECONDS / self._time_scale, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                self._report_lasting()
                done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
            done.pop().result()
        finally:
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)

    async def _until_dropped(self) -> None:
        await self._drop.wait()
        raise RelayUnreachable("the agent ended the connection")

    async def _read(self, socket: RelaySocket) -> None:
        """Handle the relay's packets, in slices that leave time for other tasks."""
        reported, until = False, self._loop.time() + SLICE_SECONDS
        while True:
            match await socket.receive():
                case packets.Event(name, payload):
                    self._listener.relay_message(name, payload)
                case packets.Ping():
                    self._pong_due = True
                    self._to_send.set()
                case packets.Unreadable(reason) if not reported:
                    reported = True
                    _log.warning("the relay sent a packet that can't be read: %s", reason)
            if self._loop.time() > until:
                await asyncio.sleep(0)
                until = self._loop.time() + SLICE_SECONDS

    async def _write(self, socket: RelaySocket) -> None:
        """Send one packet at a time, and wait until the operating system has accepted it."""
        while True:
            await self._to_send.wait()
            self._to_send.clear()
            while self._pong_due or len(self._waiting):
                if self._pong_due:
                    self._pong_due = False
                    await socket.send(packets.PONG)
                    continue
                event, payload = self._waiting.take()
                self._sending = 1
                await socket.send(packets.event_text(event, payload))
                self._sending = 0
                self._listener.relay_has_room()

    def _report_lasting(self) -> None:
        self._lasted = True
        if self._said_lost:
            _log.info("reconnected to the relay %s", self.url)
        self._said_lost = False

    def _report_lost(self, reason: str, error: Exception) -> None:
        """Log why the connection failed: once per outage, but each time if the agent itself caused the error."""
        if not isinstance(error, (RelayUnreachable, OSError, aiohttp.ClientError)):
            _log.error("the connection to the relay failed: %s", reason, exc_info=error)
        elif not self._said_lost:
            _log.warning("no connection to the relay %s (%s); trying again until it is back", self.url, reason)
        self._said_lost = True
