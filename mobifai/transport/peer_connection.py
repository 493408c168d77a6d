"""One WebRTC peer connection with a phone: the agent makes the offer and the data channel `terminal` (section 4).

It owns the connection, its listeners and its sockets, and closes all of them at the end of its scope. aiortc is
imported when the first phone pairs, without the parts that only audio and video need.
"""

import asyncio
import logging
from collections.abc import Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from mobifai.bounds import Ledger
from mobifai.limits import CANDIDATES, CHANNEL_BUFFER, CHANNEL_INBOUND, LISTENERS, MAX_FRAME
from mobifai.protocol import messages
from mobifai.protocol.codec import encode_frame
from mobifai.protocol.order import Numbering
from mobifai.transport.acknowledgement_check import AcknowledgementCheck
from mobifai.transport.negotiation import Negotiation
from mobifai.transport.transport import TransportClosed
from mobifai.webrtc import association, fast_path, ice
from mobifai.webrtc.candidates import Addresses

if TYPE_CHECKING:
    from aiortc import RTCDataChannel, RTCPeerConnection

_log = logging.getLogger(__name__)

BULK_MARK = 64 << 10
"""While the channel's buffer holds this many bytes, output waits: more in the buffer would only delay an echo. While
the user types, output is sent in smaller chunks, of which the buffer holds at most two.
"""
CLOSE_SECONDS = 1.5


class PeerListener(Protocol):
    """Receives events of a peer connection. No method may block."""

    def channel_opened(self) -> None:
        """The data channel is open."""

    def channel_message(self, text: str) -> None:
        """A text frame arrived on the data channel."""

    def channel_has_room(self) -> None:
        """The data channel has room for more messages: the bytes in its send buffer fell below the low-water mark."""


class PeerConnection:
    """A transport to the phone by WebRTC. `async with` closes it.

    `opened` is set when the channel opens or can no longer open, `ended` when the connection is of no further use.
    `was_open` is True once the channel was open. `mid` identifies the offer (see `Negotiation`). `numbering` numbers
    the messages to the phone.
    """

    def __init__(
        self,
        aiortc: Any,
        ice_servers: tuple[str, ...],
        ledger: Ledger,
        listener: PeerListener,
        mid: str = "0",
        numbering: Numbering | None = None,
    ) -> None:
        self._ledger = ledger
        self._listener = listener
        self._numbering = numbering or Numbering()
        candidates = ledger.open(CANDIDATES)
        self._buffer = ledger.open(CHANNEL_BUFFER)
        self._listeners = ledger.open(LISTENERS)
        self._inbound = ledger.open(CHANNEL_INBOUND)
        self._bounds = (candidates, self._buffer, self._listeners, self._inbound)
        self._connection, self._channel = _connect(aiortc, ice_servers)
        addresses = Addresses()
        self._lookups = ice.shorten_waits(ice.connection_of(self._connection), addresses)
        self._association = fast_path.use_fast_path(self._connection)
        self._negotiation = Negotiation(aiortc, self._connection, mid, addresses, candidates)
        self._gathering: asyncio.Task[None] | None = None
        self._acknowledgements = AcknowledgementCheck(partial(association.oldest_unacknowledged, self._connection))
        self.opened = asyncio.Event()
        self.ended = asyncio.Event()
        self.was_open = False

    def _listen(self) -> None:
        self._connection.on("connectionstatechange", self._state_changed)
        self._channel.on("open", self._open)
        self._channel.on("close", self._end)
        self._channel.on("message", self._message_received)
        self._connection.on("datachannel", self._second_channel_opened)
        self._channel.on("bufferedamountlow", self._listener.channel_has_room)
        self._count_listeners()

    def _count_listeners(self) -> None:
        emitters = (self._connection, self._channel)
        self._listeners.set(sum(len(one.listeners(event)) for one in emitters for event in one.event_names()))

    async def __aenter__(self) -> "PeerConnection":
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._end()
        self._acknowledgements.cancel()
        self._channel.remove_all_listeners()
        self._connection.remove_all_listeners()
        self._count_listeners()
        await _finish(self._close())

    async def _close(self) -> None:
        if self._gathering is not None:  # cancelled, it would leave its requests to servers behind
            await asyncio.gather(self._gathering, return_exceptions=True)
        await self._lookups.stop()
        await _close_in_time(self._connection)
        for bound in self._bounds:
            self._ledger.close(bound)

    def _state_changed(self) -> None:
        if self._connection.connectionState in ("failed", "closed"):
            self._end()

    def _open(self) -> None:
        self.was_open = True
        self.opened.set()
        self._listener.channel_opened()

    def _end(self) -> None:
        self.opened.set()
        self.ended.set()

    def _second_channel_opened(self, _: object) -> None:
        _log.warning(
            "closing the WebRTC connection to a phone: it opened a data channel itself, which only the agent does"
        )
        self._end()

    def _message_received(self, message: str | bytes) -> None:
        if isinstance(message, str) and not self.ended.is_set():
            self._listener.channel_message(message)

    # -- signalling

    async def offer(self) -> messages.Offer:
        """Gather the agent's addresses, and return an offer with them. The wait for STUN servers is limited."""
        self._gathering = asyncio.create_task(self._negotiation.gather(), name="gather")
        await asyncio.shield(self._gathering)
        self._listen()
        return self._negotiation.offer()

    async def answer(self, message: messages.Answer) -> None:
        """Accept the phone's answer. Raises BadMessage if the answer can't be used.

        A second answer, and an answer to another offer, are ignored.
        """
        await self._negotiation.answer(message)

    async def candidate(self, message: messages.IceCandidate) -> None:
        """Add one of the phone's addresses. Raises BadMessage if the address can't be used.

        Addresses are ignored if there are too many, or once the channel is open.
        """
        if not self.was_open:
            await self._negotiation.candidate(message)

    def check_inbound(self) -> None:
        """Close the connection if too many bytes of incomplete messages have arrived. Nothing else limits them."""
        held, bound = association.unfinished_bytes(self._connection), self._inbound
        bound.set(min(held, bound.capacity))
        if held > bound.capacity:
            refusal = bound.refuse(f"{held} bytes of messages that do not end")
            _log.warning("closing the WebRTC connection to a phone: %s", refusal)
            self._end()

    def drop(self) -> None:
        """Treat the connection as ended, so that its owner closes it."""
        self._end()

    def check_acknowledgements(self) -> None:
        """Check whether the phone still acknowledges data on this channel, and drop the connection if it does not.

        Call this method when the phone has sent a message by another transport.
        """
        if self.open:
            self._acknowledgements.start(self._unacknowledged)

    def _unacknowledged(self) -> None:
        _log.info(
            "closing the WebRTC connection to the phone: it uses the relay and acknowledges nothing on the data channel"
        )
        self.drop()

    # -- the transport

    @property
    def open(self) -> bool:
        """Whether the data channel is open."""
        return self._channel.readyState == "open" and not self.ended.is_set()

    @property
    def state(self) -> str:
        """The state of the connection, as WebRTC names it."""
        return str(self._connection.connectionState)

    @property
    def confirmed(self) -> int:
        """A number that changes whenever the phone acknowledges data."""
        return association.last_acknowledged(self._connection)

    @property
    def behind_bytes(self) -> int:
        """Bytes of messages that wait in the channel's buffer, until the phone acknowledges earlier ones."""
        return int(self._channel.bufferedAmount)

    def room_for_bulk(self, piece: int = BULK_MARK) -> bool:
        """Return whether output of `piece` bytes may be sent now. If not, the listener is notified once it may."""
        mark = min(BULK_MARK, 2 * piece)
        if self.open and self._channel.bufferedAmount < mark:
            return True
        self._channel.bufferedAmountLowThreshold = mark // 2
        return False

    def room_for_control(self) -> bool:
        """Return whether a short message may be sent now."""
        return self.open and self._channel.bufferedAmount < self._buffer.capacity - BULK_MARK

    def send(self, event: str, payload: object) -> None:
        """Send the phone a message on the data channel. Raises TransportClosed.

        A message of more than MAX_FRAME bytes is not sent, and a warning is logged.
        """
        if not self.open:
            raise TransportClosed("the data channel is not open")
        frame = encode_frame(event, payload, self._numbering.next)
        if len(frame) > MAX_FRAME:
            _log.warning(
                "did not send the event %s to the phone: it has %d bytes, and a phone accepts at most %d",
                event[:64],
                len(frame),
                MAX_FRAME,
            )
            return
        try:
            if self._association is not None:
                self._association.send_text(self._channel, frame)
            else:
                self._channel.send(frame.decode())
        except Exception as error:  # aiortc's InvalidStateError, or an error of its transport as it closes
            self._end()
            raise TransportClosed(f"the data channel failed: {error!r}") from None
        self._numbering.sent(event)
        self._buffer.set(self._channel.bufferedAmount)


def _connect(aiortc: Any, ice_servers: tuple[str, ...]) -> "tuple[RTCPeerConnection, RTCDataChannel]":
    servers = [aiortc.RTCIceServer(urls=url) for url in ice_servers]
    connection = aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=servers))
    channel = connection.createDataChannel("terminal")
    channel.bufferedAmountLowThreshold = BULK_MARK // 2
    return connection, channel


async def _finish(work: Coroutine[Any, Any, None]) -> None:
    """Wait for the work to finish, even when cancelled: a connection that is half closed keeps its sockets."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    finally:
        await asyncio.wait([task])


async def _close_in_time(connection: "RTCPeerConnection") -> None:
    """Close the connection, within a bounded time even if the phone is gone."""
    closing = asyncio.create_task(connection.close())
    done, _ = await asyncio.wait([closing], timeout=CLOSE_SECONDS)
    if not done:
        _log.warning(
            "a WebRTC connection to a phone did not close within %.1f s; parts of it may remain in memory",
            CLOSE_SECONDS,
        )
        closing.cancel()
    await asyncio.gather(closing, return_exceptions=True)
