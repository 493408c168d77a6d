"""One viewer of this machine's terminals: a phone, from its pairing to the end of its last transport.

A session owns what belongs to one viewer: its rights and features, its encryption, its two transports (the relay and a
data channel) and the handover between them, the queue of what is sent, the pipeline of what is received, and a feed of
every terminal. `close` closes all of it.
"""

import contextlib
import itertools
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from mobifai.assistant.access import AssistantAccess
from mobifai.bounds import Ledger
from mobifai.errors import MobiFaiError
from mobifai.protocol import messages
from mobifai.protocol.e2e import Reason
from mobifai.protocol.features import Features
from mobifai.protocol.messages import PhoneHandlers
from mobifai.protocol.order import Numbering
from mobifai.session.encryption import EncryptedSession, Refusal
from mobifai.session.events import RequestRefused, SessionEvent
from mobifai.session.handover import ChannelHandover
from mobifai.session.inbound import Failure, Inbound
from mobifai.session.key_combinations import Combinations, KeySync
from mobifai.session.outbound import OutboundQueue
from mobifai.session.relay_registration import PairedPhone
from mobifai.session.rights import Rights
from mobifai.session.terminals import SessionTerminals
from mobifai.terminals.tabs import Tabs
from mobifai.transport.peer_connector import PeerConnector
from mobifai.transport.transport import TransportClosed

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SessionContext:
    """The parts of an agent that all of its sessions share.

    `publish` receives the events of sessions; `offers` numbers the offers of data channels.
    """

    ledger: Ledger
    tabs: Tabs
    ice_servers: tuple[str, ...]
    assistant: AssistantAccess
    combinations: Combinations
    health: Callable[[], messages.Health]
    publish: Callable[[SessionEvent], None]
    offers: Iterator[int] = field(default_factory=lambda: itertools.count(1))


class SessionStage(Enum):
    """The stage of a session. A session never returns to an earlier one."""

    OPENING = "opening"
    """Nothing is sent yet."""
    OPEN = "open"
    CLOSED = "closed"
    """Nothing is sent or received any more, and nothing is watched."""


TRANSITIONS = {
    SessionStage.OPENING: {"start": SessionStage.OPEN, "close": SessionStage.CLOSED},
    SessionStage.OPEN: {"close": SessionStage.CLOSED},
    SessionStage.CLOSED: {},
}
"""The next stage for each event. In a stage that does not list it, an event has no effect."""


class SessionOwner(Protocol):
    """The owner of the sessions."""

    def session_closed(self, session: "Session") -> None:
        """The session is closed; its data channel may take a moment to end."""


class Session:
    """One viewer. `phone` is its way through the relay; `encryption` has a phone that has proven who it is."""

    def __init__(
        self,
        phone: PairedPhone,
        features: Features,
        encryption: EncryptedSession | None,
        context: SessionContext,
        owner: SessionOwner,
    ) -> None:
        ledger = context.ledger
        self.device_id = phone.device_id
        self.features = features
        self.rights = Rights.of(features)
        self.stage = SessionStage.OPENING
        self.phone = phone
        self._context = context
        self._owner = owner
        self._encryption = encryption
        numbering = encryption.numbering if encryption is not None else Numbering()
        ordered = features.e2e and features.ordered
        numbering.begin(ordered=ordered)
        self.connector = PeerConnector(ledger, context.ice_servers, self, numbering, context.offers)
        self.outbound = OutboundQueue(
            ledger,
            encryption if encryption is not None else phone.transport,
            self._does_not_read,
            relay_knows_screens=phone.relay_is_ours,
            sends_offsets=features.offsets,
            is_ordered=ordered,
        )
        self.terminals = SessionTerminals(context.tabs, ledger, features, self.outbound)
        self._keys = KeySync(context.combinations, self.rights, self.device_id, self.outbound.send)
        self.inbound = Inbound(
            ledger,
            self._handlers(),
            self.connector,
            self.outbound,
            encryption,
            self._failed,
            self._refused,
            ordered=ordered,
        )
        self._handover = ChannelHandover(self._relay_has_messages, self._use_channel)
        if encryption is not None:
            encryption.on_refused = self._encryption_refused

    def _handlers(self) -> PhoneHandlers:
        return {
            **self.terminals.handlers,
            **self._context.assistant.handlers(self),
            **self._keys.handlers,
            "system:health": lambda _: self.send("system:health", self._context.health()),
            "system:echo": lambda message: self.send("system:echo", message),
        }

    # -- its state

    @property
    def path(self) -> str | None:
        """The transport in use: `channel`, `relay`, or None when none is open."""
        return self.outbound.path

    @property
    def channel_open(self) -> bool:
        """Whether the data channel is open."""
        return self.connector.peer is not None and self.connector.peer.open

    @property
    def is_encrypted(self) -> bool:
        """Whether everything is encrypted end to end, on either transport."""
        return self.features.e2e

    @property
    def follows_assistant(self) -> bool:
        """Whether the viewer gets all events of the assistant."""
        return self.features.follows_assistant

    @property
    def shown(self) -> tuple[str, ...]:
        """The ids of the terminals that the viewer shows."""
        return self.terminals.shown

    def send(self, event: str, payload: object) -> None:
        """Send a short message, ahead of any output that waits."""
        self.outbound.send(event, payload)

    # -- its life

    def start(self) -> None:
        """Serve the viewer by the relay, and offer it a data channel."""
        if not self._enter("start"):
            return
        self.outbound.relay_serves = True
        self._send_sync(resume=True)
        if len(self._context.tabs):
            self.send("system:message", messages.SystemMessage(type="terminal_ready"))
        self._send_everything()
        self.connector.connect(self.device_id)

    async def run(self) -> None:
        """Keep a data channel to the phone until the session is closed, and its connection with it."""
        await self.connector.run()

    def close(self, reason: str) -> None:
        """End the session. Every terminal runs on. Idempotent."""
        if not self._enter("close"):
            return
        _log.info("%s", reason)
        self._handover.stop()
        self.inbound.close()
        self.terminals.close()
        self.outbound.close()
        if self._encryption is not None:
            self._encryption.close()
        self.connector.close()
        self.phone.release()
        self._context.assistant.remove_viewer(self)
        self._owner.session_closed(self)

    def close_without_transport(self) -> None:
        """End the session if no transport is open, nor about to be."""
        if self.outbound.path is None and not self._handover.pending:
            self.close("the phone has no transport left")

    def _enter(self, event: str) -> bool:
        """Change to the next stage. Return whether there is one."""
        following = TRANSITIONS[self.stage].get(event)
        self.stage = following or self.stage
        return following is not None

    def _send_everything(self) -> None:
        """Send all output and the assistant's events: the viewer is on a new transport.

        A message that was sent just before may have closed the session. Then nothing is watched for it.
        """
        if self.stage is not SessionStage.OPEN:
            return
        self.terminals.start()
        self._context.assistant.add_viewer(self)

    def _send_sync(self, *, resume: bool) -> None:
        self.send("processes:sync", self.terminals.sync(resume=resume))

    def _start_again(self, *, with_sync: bool) -> None:
        """Hold output until the viewer reports its offsets, or resend screens: the transport changed in mid-flight."""
        self.terminals.pause()
        if with_sync:
            self._send_sync(resume=True)
        self._send_everything()

    # -- what ends it, or one of its transports

    def relay_ended(self) -> None:
        """Send nothing by the relay any more: it is gone, or the phone has left it. An open data channel goes on."""
        self.outbound.relay_serves = False
        if self._encryption is not None:
            self._encryption.close()

    def revoke(self) -> None:
        """End the session of a phone that was revoked, and tell it."""
        if self._encryption is not None:
            self._encryption.refuse(Reason.REVOKED, "this phone was revoked")
        self.close("the phone was revoked")

    def _encryption_refused(self, refusal: Refusal) -> None:
        """Go on with an open channel, which has keys of its own. The pairing ends, so that the phone can come again."""
        self.outbound.relay_serves = False
        if not self.channel_open:
            self.close(f"the phone has to come again: {refusal.message}")
        self.phone.end_pairing()

    def _does_not_read(self) -> None:
        _log.info("closed the data channel of a phone that does not read what it asked for")
        self._handover.stop()
        self.connector.disconnect()
        self.outbound.set_channel(None)
        self.close_without_transport()

    def _failed(self, failure: Failure, reason: str) -> None:
        match failure:
            case Failure.CHANNEL_STALLED:
                _log.info("%s", reason)
                self.drop_channel()
                return
            case Failure.ENCRYPTION_HIDDEN:
                _log.warning("%s; the pairing is ended", reason)
                self.phone.send("e2e:refused", _broken(reason))
                self.close("closed the session of a phone whose relay changes what it sends")
            case Failure.FLOODED:
                _log.warning("the phone sends more than can be handled: %s", reason)
                self.close("closed the session of a phone that sends more than can be handled")
            case Failure.ORDER_BROKEN:
                self._order_broken(f"{reason}; what was typed may be lost")
        self.phone.end_pairing()

    def _order_broken(self, message: str) -> None:
        """Tell the phone, by both transports: what came late was not handled, and before it something is missing."""
        _log.warning("the session is over: %s", message)
        if self.connector.peer is not None and self.channel_open:
            with contextlib.suppress(TransportClosed):
                self.connector.peer.send("e2e:refused", _broken(message))
        if self._encryption is not None:
            self._encryption.refuse(Reason.BROKEN, message)
        self.close("closed the session of a phone whose messages did not come in their order")

    def _refused(self, error: MobiFaiError | OSError) -> None:
        self._context.publish(RequestRefused(error))

    # -- the data channel (PeerConnectorListener)

    def offer_created(self, offer: messages.Offer) -> None:
        """Send the offer to the phone. Its fingerprint is as authentic as the transport is."""
        transport = self.phone.transport if self._encryption is None else self._encryption
        try:
            transport.send("webrtc:offer", offer)
        except TransportClosed as error:
            _log.debug("an offer could not be sent: %s", error)

    def channel_opened(self) -> None:
        """Change over to the channel, once what the relay carries has had time to arrive."""
        _log.info("the data channel is open")
        self.outbound.pause()
        asks = self.phone.transport.open and self.outbound.relay_serves and self.phone.relay_is_ours
        self._handover.begin(self.phone.request_echo if asks else None, listens=self.features.offsets)

    def _relay_has_messages(self) -> bool:
        """Return whether messages wait in the relay's transport."""
        return self.phone.transport.open and self.phone.transport.in_flight > 0

    def relay_echoed(self, nonce: str) -> None:
        """Note that the relay sent something back: everything sent before has arrived."""
        self._handover.echoed(nonce)

    def _use_channel(self, flushed: bool) -> None:
        came_by_relay = flushed and self.outbound.relay_serves and self.phone.relay_is_ours
        self.outbound.set_channel(self.connector.peer)
        if came_by_relay:
            self._send_sync(resume=False)
        else:
            self._start_again(with_sync=True)

    def channel_message(self, text: str) -> None:
        """Take a frame of the data channel."""
        self.inbound.from_channel(text)

    def channel_has_room(self) -> None:
        """Send on."""
        self.outbound.flush()

    def connection_ended(self, was_open: bool) -> None:
        """Go on by the relay: what the channel had not delivered is sent again, at least with the screens."""
        if self.stage is SessionStage.CLOSED:
            return
        if was_open:
            _log.info("the data channel ended")
        self._handover.stop()
        self.inbound.channel_ended()
        self.outbound.set_channel(None)
        self.phone.channel_ended()
        self.close_without_transport()
        if self.stage is SessionStage.OPEN:
            if was_open:
                self._start_again(with_sync=self.features.resumes)
            self.outbound.flush()

    def drop_channel(self) -> None:
        """Receive and send nothing by this channel any more. The next one is offered soon."""
        if self.connector.peer is not None:
            self.connector.peer.drop()

    def check_inbound(self) -> None:
        """Close the data channel of a phone whose messages never end."""
        if self.connector.peer is not None:
            self.connector.peer.check_inbound()


def _broken(message: str) -> messages.E2eRefused:
    return messages.E2eRefused(reason=Reason.BROKEN.value, message=message)
