"""The agent's connection to a relay: Socket.IO, made again for ever.

It owns the connection and what waits to be sent on it. It decides nothing: events go to its listener as they come.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable
from typing import Protocol

import aiohttp
import socketio
import socketio.exceptions

from mobifai.bounds import ItemQueue, Ledger
from mobifai.errors import LimitReached
from mobifai.limits import ACKS, HANDLERS, RELAY_MESSAGE, RELAY_QUEUE, SOCKET_QUEUE
from mobifai.link.path import PathClosed
from mobifai.link.relay_packet import UNREADABLE, RelayPacket
from mobifai.protocol.wire_json import WireJson

_log = logging.getLogger(__name__)

FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
"""Seconds between tries: a relay that restarts is back at once, one that is gone for a day is asked twice a minute."""

CONNECT_SECONDS = 15.0

LASTING_SECONDS = 5.0
"""A connection that ends sooner does not reset the delay: some relays accept and then drop."""

_BULK_PACKETS = 4
"""Packets of output that may wait: 16 KiB each, enough to keep the wire busy, little enough for an echo to overtake."""


class RelayListener(Protocol):
    """Who is told. No call may wait."""

    def relay_connected(self) -> None:
        """A fresh connection is there."""

    def relay_lost(self) -> None:
        """The connection is gone."""

    def relay_said(self, event: str, payload: object) -> None:
        """An event came, with its argument as JSON values."""

    def relay_has_room(self) -> None:
        """What was sent is on the wire."""


class RelayClient:
    """A path to the phone through the relay. `url` is the relay's address; `token` gives what to sign in with.

    A connection is a good one after `lasting_seconds`.
    """

    def __init__(
        self,
        url: str,
        ledger: Ledger,
        listener: RelayListener,
        token: Callable[[], str | None],
        lasting_seconds: float = LASTING_SECONDS,
    ) -> None:
        self.url = url
        self._ledger = ledger
        self._bound = ledger.open(RELAY_QUEUE)
        self._foreign = (ledger.open(SOCKET_QUEUE), ledger.open(ACKS), ledger.open(HANDLERS))
        self._waiting: ItemQueue[tuple[str, object]] = ItemQueue(self._bound)
        self._to_send = asyncio.Event()
        self._listener = listener
        self._token = token
        self._lasting_seconds = lasting_seconds
        self._sending = 0
        self._connected = False
        self._said_lost = False
        self._lasted = False
        self._drop = asyncio.Event()

    # -- the path

    @property
    def open(self) -> bool:
        """Whether the relay is connected; whether a phone is there is for the pairing to say."""
        return self._connected

    @property
    def in_flight(self) -> int:
        """Messages that are not on the wire yet."""
        return len(self._waiting) + self._sending

    def room_for_bulk(self, _: int = 0) -> bool:
        """Whether output may be sent now."""
        return self._connected and self.in_flight < min(_BULK_PACKETS, self._bound.capacity)

    def room_for_control(self) -> bool:
        """Whether a short message may be sent now."""
        return self._connected and len(self._waiting) < self._bound.capacity

    def send(self, event: str, payload: object) -> None:
        """Hand a message over. Raises PathClosed when there is no connection, or no room."""
        if not self._connected:
            raise PathClosed("the relay is not connected")
        try:
            self._waiting.append((event, payload))
        except LimitReached as error:
            raise PathClosed(str(error)) from None
        self._to_send.set()

    # -- the connection

    def drop(self) -> None:
        """End this connection; the next one follows."""
        self._drop.set()

    async def run(self) -> None:
        """Connect, and connect again, until cancelled."""
        delay = FIRST_DELAY
        try:
            while True:
                if await self._one_connection():
                    delay = FIRST_DELAY
                await asyncio.sleep(delay * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not a secret
                delay = min(delay * 2, LONGEST_DELAY)
        finally:
            for bound in (self._bound, *self._foreign):
                self._ledger.close(bound)

    async def _one_connection(self) -> bool:
        """Connect and serve until the connection ends; whether it lasted."""
        self._drop = lost = asyncio.Event()
        self._lasted = False
        client = self._new_client(lost)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await client.connect(self.url, auth={"token": self._token()}, transports=["websocket"])
        except (socketio.exceptions.SocketIOError, aiohttp.ClientError, OSError, ValueError, TimeoutError) as error:
            self._say_lost(str(error) or "no answer")
            return False
        finally:
            if not client.connected:
                await self._close(client)
        await self._serve(client, lost)
        return self._lasted

    def _new_client(self, lost: asyncio.Event) -> socketio.AsyncClient:
        client = socketio.AsyncClient(
            reconnection=False,
            handle_sigint=False,
            json=WireJson,
            serializer=RelayPacket,
            websocket_extra_options={"max_msg_size": self._ledger.capacity(RELAY_MESSAGE) + 1, "compress": 0},
        )
        client.on("disconnect", lambda _reason: lost.set())
        client.on("*", self._heard)
        return client

    def _heard(self, event: str, *args: object) -> None:
        if event == UNREADABLE:
            _log.warning("the relay sent a packet that can't be read: %s", *args)
        self._listener.relay_said(event, args[0] if args else None)

    async def _serve(self, client: socketio.AsyncClient, lost: asyncio.Event) -> None:
        if not self._said_lost:
            _log.info("connected to the relay %s", self.url)
        self._connected = True
        self._listener.relay_connected()
        writer = asyncio.create_task(self._write(client), name="relay-writer")
        try:
            await self._until_lost(lost)
            self._say_lost("the connection ended")
        finally:
            self._connected = False
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
            self._waiting.clear()
            self._sending = 0
            await self._close(client)
            self._listener.relay_lost()

    async def _until_lost(self, lost: asyncio.Event) -> None:
        """Wait for the end; a connection that lasted is a good one, after which the next outage is said again."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._lasting_seconds):
                await lost.wait()
                return
        self._lasted = True
        if self._said_lost:
            _log.info("connected to the relay %s again", self.url)
        self._said_lost = False
        await lost.wait()

    async def _write(self, client: socketio.AsyncClient) -> None:
        """Hand one message at a time to Socket.IO, whose own queue has no end, and wait until it is on the wire."""
        while True:
            await self._to_send.wait()
            self._to_send.clear()
            while len(self._waiting):
                event, payload = self._waiting.take()
                self._sending = 1
                await client.emit(event, payload)
                self._count_foreign(client)
                await client.eio.queue.join()
                self._sending = 0
                self._listener.relay_has_room()

    def _count_foreign(self, client: socketio.AsyncClient) -> None:
        """Hold the library to its bounds: above one, the connection is made anew."""
        counts = (
            client.eio.queue.qsize(),
            sum(len(waiting) for waiting in client.callbacks.values()),
            sum(len(handlers) for handlers in client.handlers.values()),
        )
        for bound, count in zip(self._foreign, counts, strict=True):
            bound.set(count)
            if count > bound.capacity:
                _log.warning("%s: at most %d, and Socket.IO has %d", bound.limit.name, bound.capacity, count)
                self.drop()

    async def _close(self, client: socketio.AsyncClient) -> None:
        with contextlib.suppress(Exception):
            async with asyncio.timeout(1):
                await client.disconnect()
        if client.eio.http is not None:
            await client.eio.http.close()

    def _say_lost(self, reason: str) -> None:
        """Say once for each time that the relay is away, not for every try."""
        if not self._said_lost:
            _log.warning("no connection to the relay %s (%s); trying again until it is back", self.url, reason)
        self._said_lost = True
