"""One viewer of this machine's terminals: a phone, from its pairing to the end of its last transport.

A session owns everything of one viewer: its rights and features, its encryption, its transports with the outbound
queue, the inbound pipeline, its view of the terminals with its size, and the sync of its keys. `close` closes all of
it. For viewers other than phones, see "Kinds of viewers" in docs/explanation/architecture.md.
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
    """Nothing is sent or received any more, and nothing is watched."""


TRANSITIONS = {
    SessionStage.OPENING: {"start": SessionStage.OPEN, "close": SessionStage.CLOSED},
    SessionStage.OPEN: {"close": SessionStage.CLOSED},
    SessionStage.CLOSED: {},
}
"""The next stage for each event. In a stage that does not list it, an event has no effect."""


class SessionOwner(Protocol):
    """The owner of the sessions, which learns when each one is closed."""

    def session_closed(self, session: "Session") -> None:
        """A session is closed. Its data channel may take a moment to end."""


class Session:
    """One viewer. `phone` is its pairing at the relay. `encryption` is that of a phone that has proven its key.

    `run` keeps the data channel while the session is open.
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
        """The transport in use: `channel`, `relay`, or None when none is open."""
        return self.outbound.path

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
        self.transports.use_relay()
        self._send_sync(resume=True)
        if len(self._context.tabs):
            self.send("system:message", messages.SystemMessage(type="terminal_ready"))
        self._send_everything()
        self.transports.connector.connect(self.device_id)

    async def run(self) -> None:
        """Keep a data channel to the phone until the session and its connection are closed."""
        await self.transports.connector.run()

    def close(self, reason: str) -> None:
        """End the session. Every terminal continues. Idempotent."""
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
        """Begin to send output and the assistant's events, since the viewer is on a new transport.

        Does nothing if the session is closed: a message that was sent just before may have closed it.
        """
        if self.stage is not SessionStage.OPEN:
            return
        self.terminals.start()
        self._context.assistant.add_viewer(self)

    def _send_sync(self, *, resume: bool) -> None:
        self.send("processes:sync", self.terminals.sync(resume=resume))

    def _start_again(self, *, with_sync: bool) -> None:
        """Hold output until the viewer reports its offsets, or resend screens: messages in flight may be lost.

        `with_sync`: first send the list of terminals, which makes a viewer that resumes report its offsets.
        """
        self.terminals.pause()
        if with_sync:
            self._send_sync(resume=True)
        self._send_everything()

    # -- the end of a session, or of one of its transports

    def relay_ended(self) -> None:
        """Stop sending by the relay, since it or the phone has disconnected. An open data channel continues."""
        self.transports.leave_relay()
        if self._encryption is not None:
            self._encryption.close()

    def revoke(self) -> None:
        """End the session of a phone that was revoked, and send it the reason."""
        if self._encryption is not None:
            self._encryption.refuse(Reason.REVOKED, "this phone was revoked")
        self.close("the phone was revoked")

    def _encryption_refused(self, refusal: Refusal) -> None:
        """Handle the end of the encrypted session on the relay.

        Continue on the data channel if it is open, since it has keys of its own; otherwise close the session. In both
        cases end the pairing, so that the phone can pair again.
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
        """End the session because messages are missing, and send the phone the reason by both transports."""
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
        """Send the list of terminals on the channel, and the screens too if messages may be lost."""
        if complete:
            self._send_sync(resume=False)
        else:
            self._start_again(with_sync=True)

    def relay_in_use(self) -> None:
        """Continue by the relay after a data channel: send the output that the channel lost, or else the screens."""
        self._start_again(with_sync=self.features.resumes)

    def transports_ended(self) -> None:
        """End the session, since no transport to its viewer is left."""
        self.close("the phone has no transport left")


def _broken(message: str) -> messages.E2eRefused:
    return messages.E2eRefused(reason=Reason.BROKEN.value, message=message)
