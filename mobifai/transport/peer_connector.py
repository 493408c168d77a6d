"""Keeps one peer connection to a phone: creates it, and replaces it when it breaks.

There are never two: everything of one connection has ended before the next one begins.
"""

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Iterator
from typing import Protocol

from mobifai.bounds import ItemQueue, Ledger
from mobifai.errors import BadMessage, MobiFaiError
from mobifai.limits import SIGNALS
from mobifai.protocol import messages
from mobifai.protocol.order import Numbering
from mobifai.protocol.plain_text import one_line
from mobifai.transport.peer_connection import PeerConnection, PeerListener
from mobifai.webrtc import loader as webrtc

_log = logging.getLogger(__name__)

OPEN_SECONDS = 20.0
"""Time from the offer to the open channel: the phone gathers for 3 s, and connectivity checks take longer on a bad
network.
"""

FIRST_DELAY = 1.0
LONGEST_DELAY = 60.0


class PeerConnectorListener(PeerListener, Protocol):
    """Receives events of the connector's peer connections. No method may block."""

    def offer_created(self, offer: messages.Offer) -> None:
        """Send this offer to the phone by the relay."""

    def connection_ended(self, was_open: bool) -> None:
        """A peer connection ended. `was_open` says whether its data channel was ever open.

        Unless `disconnect` was called, the next connection follows.
        """


class PeerConnector:
    """Keeps at most one peer connection. `peer` is the present connection, or None.

    `offers` numbers the offers to one phone, so that a late answer to an earlier offer is recognized. `numbering`
    numbers the messages to the phone.
    """

    def __init__(
        self,
        ledger: Ledger,
        ice_servers: tuple[str, ...],
        listener: PeerConnectorListener,
        numbering: Numbering | None = None,
        offers: Iterator[int] | None = None,
    ) -> None:
        self._ledger = ledger
        self._ice_servers = ice_servers
        self._listener = listener
        self._numbering = numbering or Numbering()
        self._bound = ledger.open(SIGNALS)
        self._signals: ItemQueue[messages.Answer | messages.IceCandidate] = ItemQueue(self._bound)
        self._signal_came = asyncio.Event()
        self._changed = asyncio.Event()
        self._wanted: str | None = None
        self._offers = offers if offers is not None else itertools.count(1)
        self._closed = False
        self.peer: PeerConnection | None = None

    def connect(self, peer_id: str) -> None:
        """Connect to the phone with this id, in place of any other."""
        self._wanted = peer_id
        self._changed.set()

    def disconnect(self) -> None:
        """Close the peer connection and open no other."""
        self._wanted = None
        self._changed.set()

    def signal(self, message: messages.Answer | messages.IceCandidate) -> None:
        """Pass the phone's answer or candidate to the peer connection. Without a connection, it is ignored."""
        if self.peer is not None and not self._closed:
            self._signals.append(message)
            self._signal_came.set()

    def close(self) -> None:
        """Close the peer connection permanently. `run` ends once it is closed. Idempotent."""
        self._closed = True
        self._signals.clear()
        self._ledger.close(self._bound)
        self.disconnect()

    def check_channel(self) -> None:
        """Check whether the phone still acknowledges data on the channel. Call this when it used another transport."""
        if self.peer is not None:
            self.peer.check_acknowledgements()

    async def run(self) -> None:
        """Keep a connection to the phone until cancelled or closed."""
        while not self._closed:
            await self._changed.wait()
            self._changed.clear()
            if self._wanted is not None:
                await self._connect_until_changed()

    async def _connect_until_changed(self) -> None:
        calls = asyncio.create_task(self._keep_connected(), name="calls")
        changed = asyncio.create_task(self._changed.wait(), name="call-changed")
        try:
            await asyncio.wait([calls, changed], return_when=asyncio.FIRST_COMPLETED)
        finally:
            calls.cancel()
            changed.cancel()
            for result in await asyncio.gather(calls, changed, return_exceptions=True):
                if isinstance(result, Exception):
                    _log.error("a WebRTC connection to a phone failed: %r", result, exc_info=result)

    async def _keep_connected(self) -> None:
        aiortc, delay = await webrtc.import_aiortc_async(), FIRST_DELAY
        while True:
            was_open = await self._try_connect(aiortc)
            self._listener.connection_ended(was_open)
            delay = FIRST_DELAY if was_open else min(delay * 2, LONGEST_DELAY)
            await asyncio.sleep(delay)

    async def _try_connect(self, aiortc: object) -> bool:
        """Try one connection. Return whether its channel was ever open; False after an error.

        Such errors include a lack of descriptors or network, and any exception that a library raises for data of the
        phone.
        """
        try:
            return await self._connect_once(aiortc)
        except (OSError, MobiFaiError) as error:
            _log.warning("could not open a data channel to a phone; trying again: %s", error)
        except Exception as error:
            _log.exception("a WebRTC connection to a phone failed; trying again: %s", one_line(repr(error)))
        return False

    async def _connect_once(self, aiortc: object) -> bool:
        """Run one peer connection from its offer to its end. Return whether its channel was ever open."""
        async with PeerConnection(
            aiortc, self._ice_servers, self._ledger, self._listener, str(next(self._offers)), self._numbering
        ) as peer:
            self._signals.clear()
            self.peer = peer
            signals = asyncio.create_task(self._take_signals(peer), name="signals")
            try:
                self._listener.offer_created(await peer.offer())
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(OPEN_SECONDS):
                        await peer.opened.wait()
                if peer.was_open:
                    await peer.ended.wait()
            finally:
                self.peer = None
                signals.cancel()
                await asyncio.gather(signals, return_exceptions=True)
        return peer.was_open

    async def _take_signals(self, peer: PeerConnection) -> None:
        while True:
            await self._signal_came.wait()
            self._signal_came.clear()
            while len(self._signals):
                message = self._signals.take()
                try:
                    await (peer.answer(message) if isinstance(message, messages.Answer) else peer.candidate(message))
                except BadMessage as error:
                    _log.warning(
                        "ignored an invalid WebRTC answer or ICE candidate from the phone: %s", one_line(error)
                    )
