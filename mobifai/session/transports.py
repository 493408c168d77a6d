"""The transports of one session: the relay, a data channel, and the handover between them.

Owns the peer connector, the handover, and the outbound queue, which uses one transport at a time.
"""

import contextlib
import logging
from typing import Protocol

from mobifai.protocol import messages
from mobifai.protocol.features import Features
from mobifai.protocol.order import Numbering
from mobifai.session.context import SessionContext
from mobifai.session.encryption import EncryptedSession
from mobifai.session.handover import ChannelHandover
from mobifai.session.outbound import OutboundQueue
from mobifai.session.relay_registration import PairedPhone
from mobifai.transport.peer_connector import PeerConnector
from mobifai.transport.transport import TransportClosed

_log = logging.getLogger(__name__)


class TransportsListener(Protocol):
    """Receives events of a session's transports. No method may raise or block."""

    def channel_message(self, text: str) -> None:
        """Called when a frame has arrived on the data channel."""

    def channel_lost(self) -> None:
        """Called when the data channel has ended. Messages in flight on it are lost."""

    def channel_in_use(self, *, complete: bool) -> None:
        """Called when messages begin to use the data channel. `complete`: all earlier messages have arrived."""

    def relay_in_use(self) -> None:
        """Called when a data channel has ended and messages use the relay again, or wait for the next channel."""

    def transports_ended(self) -> None:
        """Called when no transport to the phone is left."""


class SessionTransports:
    """The transports of a paired phone.

    `encryption` encrypts the messages that the relay carries; it is None for a legacy app. `ordered`: messages are
    numbered and keep one order over all transports.
    """

    def __init__(
        self,
        phone: PairedPhone,
        features: Features,
        encryption: EncryptedSession | None,
        context: SessionContext,
        listener: TransportsListener,
        *,
        ordered: bool,
    ) -> None:
        self._phone = phone
        self._features = features
        self._listener = listener
        self._relay = phone.transport if encryption is None else encryption
        self._closed = False
        numbering = encryption.numbering if encryption is not None else Numbering()
        numbering.begin(ordered=ordered)
        self.connector = PeerConnector(context.ledger, context.ice_servers, self, numbering, context.offers)
        self.outbound = OutboundQueue(
            context.ledger,
            self._relay,
            self._does_not_read,
            relay_knows_screens=phone.relay_is_ours,
            sends_offsets=features.offsets,
            is_ordered=ordered,
        )
        self._handover = ChannelHandover(self._relay_has_messages, self._use_channel)

    @property
    def channel_open(self) -> bool:
        """Whether the data channel is open."""
        return self.connector.peer is not None and self.connector.peer.open

    def close(self) -> None:
        """Stop using the relay for this phone, and close the data channel. Idempotent."""
        self._closed = True
        self._handover.stop()
        self.outbound.close()
        self.connector.close()
        self._phone.release()

    def _close_without_transport(self) -> None:
        """Notify the listener if no transport is left: none is open, and no handover to one is pending."""
        if self.outbound.path is None and not self._handover.pending:
            self._listener.transports_ended()

    # -- the relay

    def use_relay(self) -> None:
        """Use the relay from now on, while no data channel is open."""
        self.outbound.relay_serves = True

    def leave_relay(self) -> None:
        """Stop sending through the relay. An open data channel continues."""
        self.outbound.relay_serves = False

    def relay_echoed(self, nonce: str) -> None:
        """Process an echo from the relay: all messages that were sent before the request for it have arrived."""
        self._handover.echoed(nonce)

    def _relay_has_messages(self) -> bool:
        """Return whether messages wait to be sent to the relay."""
        return self._phone.transport.open and self._phone.transport.in_flight > 0

    # -- the data channel

    def send_by_channel(self, event: str, payload: object) -> None:
        """Send a message on the data channel, if it is open."""
        if self.connector.peer is not None and self.channel_open:
            with contextlib.suppress(TransportClosed):
                self.connector.peer.send(event, payload)

    def drop_channel(self) -> None:
        """Close the data channel. A new one is offered soon."""
        if self.connector.peer is not None:
            self.connector.peer.drop()

    def check_inbound(self) -> None:
        """Close the data channel if too many bytes of incomplete messages have arrived on it."""
        if self.connector.peer is not None:
            self.connector.peer.check_inbound()

    def _does_not_read(self) -> None:
        _log.info("closed the data channel of a phone that does not read the messages to it")
        self._handover.stop()
        self.connector.disconnect()
        self.outbound.set_channel(None)
        self._close_without_transport()

    def _use_channel(self, flushed: bool) -> None:
        complete = flushed and self.outbound.relay_serves and self._phone.relay_is_ours
        self.outbound.set_channel(self.connector.peer)
        self._listener.channel_in_use(complete=complete)

    # -- events of the peer connector (PeerConnectorListener)

    def offer_created(self, offer: messages.Offer) -> None:
        """Send the phone an offer of a data channel, through the relay.

        The DTLS fingerprint in the offer is authentic only if the session is encrypted end to end.
        """
        try:
            self._relay.send("webrtc:offer", offer)
        except TransportClosed as error:
            _log.debug("the offer of a data channel could not be sent to the phone: %s", error)

    def channel_opened(self) -> None:
        """Begin the handover to the channel. It waits until the relay has delivered its messages."""
        _log.info("the data channel to the phone is open")
        self.outbound.pause()
        asks = self._phone.transport.open and self.outbound.relay_serves and self._phone.relay_is_ours
        self._handover.begin(self._phone.request_echo if asks else None, listens=self._features.offsets)

    def channel_message(self, text: str) -> None:
        """Pass a frame that has arrived on the data channel to the listener."""
        self._listener.channel_message(text)

    def channel_has_room(self) -> None:
        """Send messages and output that wait, since the channel has room."""
        self.outbound.flush()

    def connection_ended(self, was_open: bool) -> None:
        """Handle the end of a peer connection.

        Continue through the relay, or end the session if the relay is not in use. `was_open`: the connection had an
        open data channel. The listener then starts the output again, since some may be lost.
        """
        if self._closed:
            return
        if was_open:
            _log.info("the data channel to the phone ended")
        self._handover.stop()
        self._listener.channel_lost()
        self.outbound.set_channel(None)
        self._phone.channel_ended()
        self._close_without_transport()
        if self._closed:
            return
        if was_open:
            self._listener.relay_in_use()
        self.outbound.flush()
