"""Keeps the one peer connection that is wanted: creates it, replaces it when it breaks, and never has two.

It owns the task of the connection. Everything of one connection has ended before the next one begins.
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
        """A peer connection ended. Unless `disconnect` was called, the next connection follows."""


class PeerConnector:
    """Keeps at most one peer connection, which is `peer` while there is one.

    `offers` numbers the offers to one phone, so that a late answer to an earlier offer is recognized.
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
        """Connect to this phone, in place of any other."""
        self._wanted = peer_id
        self._changed.set()

    def disconnect(self) -> None:
        """Close the peer connection and open no other."""
        self._wanted = None
        self._changed.set()

    def signal(self, message: messages.Answer | messages.IceCandidate) -> None:
        """Pass on the phone's answer or candidate. Without a connection it is ignored."""
        if self.peer is not None and not self._closed:
            self._signals.append(message)
            self._signal_came.set()

    def close(self) -> None:
        """Disconnect for good; `run` ends once the connection is closed. Idempotent."""
        self._closed = True
        self._signals.clear()
        self._ledger.close(self._bound)
        self.disconnect()

    def check_channel(self) -> None:
        """Check whether the phone still acknowledges data on the channel, when it has used another transport."""
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
        """Try one connection. Return whether its channel was open; an error counts as a phone that did not answer.

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
