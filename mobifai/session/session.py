"""A session: one viewer of this machine's terminals, from its pairing to the end of its last transport.

A session owns everything of one viewer: its rights and features, its encryption, its transports with the outbound
queue, the inbound pipeline, its view of the terminals, and the synchronization of its key combinations. `close` closes
all of these. For viewers other than phones, see "Kinds of viewers" in docs/explanation/architecture.md.
"""

import logging
from enum import Enum
from typing import Protocol

from mobifai.errors import MobiFaiError
from mobifai.protocol import messages
from mobifai.protocol.e2e import Reason
from mobifai.protocol.features import Features
from mobifai.protocol.messages import PhoneHandlers
from mobifai.session.context import SessionContext
from mobifai.session.encryption import EncryptedSession, Refusal
from mobifai.session.events import RequestRefused
from mobifai.session.inbound import Failure, Inbound
from mobifai.session.key_combinations import KeySync
from mobifai.session.relay_registration import PairedPhone
from mobifai.session.rights import Rights
from mobifai.session.terminals import SessionTerminals
from mobifai.session.transports import SessionTransports

_log = logging.getLogger(__name__)


class SessionStage(Enum):
    """The stage of a session. A session never returns to an earlier one."""

    OPENING = "opening"
    """Nothing is sent yet."""
    OPEN = "open"
    CLOSED = "closed"
    """Nothing is sent or received any more, and the session watches no terminals."""


TRANSITIONS = {
    SessionStage.OPENING: {"start": SessionStage.OPEN, "close": SessionStage.CLOSED},
    SessionStage.OPEN: {"close": SessionStage.CLOSED},
    SessionStage.CLOSED: {},
}
"""The stage that follows each event. In a stage without an entry for an event, this event has no effect."""


class SessionOwner(Protocol):
    """The owner of the sessions. It is notified when a session is closed."""

    def session_closed(self, session: "Session") -> None:
        """Called when a session is closed. Its data channel may still take a moment to end."""


class Session:
    """One viewer's use of the agent.

    `phone` is the viewer's pairing on the relay. `encryption` is the established encryption, or None for a legacy app.
    Call `start` once, and keep `run` running while the session is open.
    """

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
        ordered = features.e2e and features.ordered
        self.transports = SessionTransports(phone, features, encryption, context, self, ordered=ordered)
        self.outbound = self.transports.outbound
        self.terminals = SessionTerminals(context.tabs, ledger, features, self.outbound)
        self._keys = KeySync(context.combinations, self.rights, self.device_id, self.outbound.send)
        self.inbound = Inbound(
            ledger,
            self._handlers(),
            self.transports.connector,
            self.outbound,
            encryption,
            self._failed,
            self._refused,
            ordered=ordered,
        )
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
        """The name of the transport in use, `channel` or `relay`; None if neither is open."""
        return self.outbound.path

    @property
    def is_encrypted(self) -> bool:
        """Whether everything is encrypted end to end, on both transports."""
        return self.features.e2e

    @property
    def follows_assistant(self) -> bool:
        """Whether the viewer receives all events of the assistant."""
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
        """Begin to serve the viewer through the relay, and offer it a data channel."""
        if not self._enter("start"):
            return
        self.transports.use_relay()
        self._send_sync(resume=True)
        if len(self._context.tabs):
            self.send("system:message", messages.SystemMessage(type="terminal_ready"))
        self._send_everything()
        self.transports.connector.connect(self.device_id)

    async def run(self) -> None:
        """Negotiate and maintain a data channel to the phone until the session is closed and the channel has ended."""
        await self.transports.connector.run()

    def close(self, reason: str) -> None:
        """End the session, and log the reason. The terminals keep running. Idempotent."""
        if not self._enter("close"):
            return
        _log.info("%s", reason)
        self.inbound.close()
        self.terminals.close()
        self.transports.close()
        if self._encryption is not None:
            self._encryption.close()
        self._context.assistant.remove_viewer(self)
        self._owner.session_closed(self)

    def _enter(self, event: str) -> bool:
        """Change to the stage that follows `event`. Return False if the event has no effect in the present stage."""
        following = TRANSITIONS[self.stage].get(event)
        self.stage = following or self.stage
        return following is not None

    def _send_everything(self) -> None:
        """Begin to send output and the assistant's events, since the viewer has a new transport.

        Does nothing if the session is not open: a message that was sent just before may have closed it.
        """
        if self.stage is not SessionStage.OPEN:
            return
        self.terminals.start()
        self._context.assistant.add_viewer(self)

    def _send_sync(self, *, resume: bool) -> None:
        self.send("processes:sync", self.terminals.sync(resume=resume))

    def _start_again(self, *, with_sync: bool) -> None:
        """Start the output again, because messages in flight may be lost.

        A viewer with `resume` then reports its offsets and continues from there; any other viewer receives the screens
        again. `with_sync`: first send the list of terminals, which makes a viewer with `resume` report its offsets.
        """
        self.terminals.pause()
        if with_sync:
            self._send_sync(resume=True)
        self._send_everything()

    # -- the end of a session, or of one of its transports

    def relay_ended(self) -> None:
        """Stop sending through the relay, since it or the phone has disconnected. An open data channel continues."""
        self.transports.leave_relay()
        if self._encryption is not None:
            self._encryption.close()

    def revoke(self) -> None:
        """End the session of a phone that was revoked, and send the phone the reason."""
        if self._encryption is not None:
            self._encryption.refuse(Reason.REVOKED, "this phone was revoked")
        self.close("the phone was revoked")

    def _encryption_refused(self, refusal: Refusal) -> None:
        """Handle the end of the encrypted session on the relay.

        If the data channel is open, the session continues on it, since the channel has keys of its own. Otherwise the
        session is closed. In both cases the pairing ends, so that the phone can pair again.
        """
        self.transports.leave_relay()
        if not self.transports.channel_open:
            self.close(f"the phone has to pair again: {refusal.message}")
        self.phone.end_pairing()

    def _failed(self, failure: Failure, reason: str) -> None:
        match failure:
            case Failure.CHANNEL_STALLED:
                _log.info("%s", reason)
                self.transports.drop_channel()
                return
            case Failure.ENCRYPTION_HIDDEN:
                _log.warning("ended the pairing with the phone: %s", reason)
                self.phone.send("e2e:refused", _broken(reason))
                self.close("closed the session of a phone whose relay changes what it sends")
            case Failure.FLOODED:
                _log.warning("the phone sends more than the agent can handle: %s", reason)
                self.close("closed the session of a phone that sends more than the agent can handle")
            case Failure.ORDER_BROKEN:
                self._order_broken(f"{reason}; typed text may be lost")
        self.phone.end_pairing()

    def _order_broken(self, message: str) -> None:
        """End the session because messages are missing, and send the phone the reason on both transports."""
        _log.warning("ended the session with the phone: %s", message)
        self.transports.send_by_channel("e2e:refused", _broken(message))
        if self._encryption is not None:
            self._encryption.refuse(Reason.BROKEN, message)
        self.close("closed the session of a phone whose messages did not arrive in order")

    def _refused(self, error: MobiFaiError | OSError) -> None:
        self._context.publish(RequestRefused(error))

    # -- events of the transports (TransportsListener)

    def channel_message(self, text: str) -> None:
        """Process a frame that has arrived on the data channel."""
        self.inbound.from_channel(text)

    def channel_lost(self) -> None:
        """Stop waiting for messages that were in flight on the data channel."""
        self.inbound.channel_ended()

    def channel_in_use(self, *, complete: bool) -> None:
        """Send the list of terminals on the channel.

        Unless `complete`, start the output again, since messages may be lost.
        """
        if complete:
            self._send_sync(resume=False)
        else:
            self._start_again(with_sync=True)

    def relay_in_use(self) -> None:
        """Continue through the relay after a data channel has ended, and start the output again.

        A viewer with `resume` receives the output that the channel lost; any other viewer receives the screens.
        """
        self._start_again(with_sync=self.features.resumes)

    def transports_ended(self) -> None:
        """Close the session, since no transport to its viewer is left."""
        self.close("the phone has no transport left")


def _broken(message: str) -> messages.E2eRefused:
    return messages.E2eRefused(reason=Reason.BROKEN.value, message=message)
