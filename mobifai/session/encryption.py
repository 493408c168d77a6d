"""End-to-end encryption with the phone that is paired: its session on the relay, and the path on which all is sealed.

What a session decides is `protocol.e2e`'s; here it gets what the relay forwards, and its words are sent. Owns the one
session, and the timer of its beginning.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Protocol

from mobifai.access.known_phones import KnownPhones
from mobifai.errors import EncryptionError, LimitReached
from mobifai.limits import MAX_FRAME
from mobifai.protocol import e2e, messages
from mobifai.protocol.e2e import E2eSession, E2eStage, Reason
from mobifai.protocol.features import FEATURES
from mobifai.protocol.noise import KeyPair
from mobifai.protocol.order import Numbering
from mobifai.transport.relay_transport import RelayTransport
from mobifai.transport.transport import TransportClosed

_log = logging.getLogger(__name__)

BEGIN_SECONDS = 15.0
"""From the pairing to the phone's first sealed message: two round trips, and keys made by a slow phone."""

PART_SECONDS = 2.0
"""How long the relay may take to carry what the phone is told at the end."""

_LOOK_SECONDS = 0.01


class EncryptedSessionListener(Protocol):
    """Who is told. No call may wait."""

    def phone_proven(self, features: tuple[str, ...]) -> None:
        """The phone of the pairing is who it says, and can be served."""

    def frame_opened(self, frame: bytes) -> None:
        """A frame of the phone, which came sealed."""

    def encryption_failed(self, reason: str) -> None:
        """The session is over, and the phone is told: it has to come anew."""


class EncryptedTransport:
    """A path to the phone by relay: whatever is sent on it is sealed. Closed until the phone is proven."""

    def __init__(self, relay: RelayTransport, numbering: Numbering, failed: Callable[[str], None]) -> None:
        self._relay = relay
        self._numbering = numbering
        self._failed = failed
        self.session: E2eSession | None = None

    @property
    def open(self) -> bool:
        """Whether something sent now may arrive."""
        return self.session is not None and self.session.stage is E2eStage.ESTABLISHED and self._relay.open

    def room_for_bulk(self, piece: int) -> bool:
        """Whether output may be sent now."""
        return self.open and self._relay.room_for_bulk(piece)

    def room_for_control(self) -> bool:
        """Whether a short message may be sent now."""
        return self.open and self._relay.room_for_control()

    def send(self, event: str, payload: object) -> None:
        """Seal a message and hand it over. Raises TransportClosed.

        Without room it is not sealed: what is sealed has a number, which must arrive, or the session ends.
        """
        session = self.session
        if session is None or not self.room_for_control():
            raise TransportClosed("the sealed way by relay is not open, or has no room")
        frame = self._numbering.frame(event, payload)
        if len(frame) > MAX_FRAME:
            _log.warning("%s has %d bytes, too many for a phone, and is not sent", event[:64], len(frame))
            return
        try:
            self._relay.send("e2e:sealed", session.seal(frame))
        except (TransportClosed, EncryptionError) as error:
            self._failed(f"a sealed message could not be sent: {error}")
            raise TransportClosed(str(error)) from None
        self._numbering.sent(event)


class EncryptedSession:
    """The session of one phone at a time. `path` is how it is reached by relay."""

    def __init__(
        self,
        relay: RelayTransport,
        phones: KnownPhones,
        key: Callable[[], KeyPair],
        device_id: str,
        name: str,
        numbering: Numbering,
        listener: EncryptedSessionListener,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._relay = relay
        self._phones = phones
        self._key = key
        self._device_id = device_id
        self._introduction = messages.Introduction(name=name, features=FEATURES)
        self._listener = listener
        self._timer: asyncio.TimerHandle | None = None
        self._reconnect_timer: asyncio.TimerHandle | None = None
        self._reconnect_by = 0.0
        self._said_ignored = False
        self.transport = EncryptedTransport(relay, numbering, self._broke)

    @property
    def session(self) -> E2eSession | None:
        """The session of the phone that is paired; None: it is one of the field."""
        return self.transport.session

    @property
    def is_established(self) -> bool:
        """Whether a phone is there that has proven itself."""
        return self.session is not None and self.session.stage is E2eStage.ESTABLISHED

    # -- a session's life

    def begin(self, phone_id: str) -> None:
        """A phone is paired that can do it. Raises StateError without a key."""
        self.end()
        self._said_ignored = False
        self.transport.session = E2eSession(self._key(), self._device_id, phone_id, self._introduction, self._phones)
        self._timer = self._loop.call_later(BEGIN_SECONDS, self._took_too_long)

    def end(self) -> None:
        """Without a word: the pairing is over, or another one begins."""
        self._stop_timer()
        if self.transport.session is not None:
            self.transport.session.end()
        self.transport.session = None

    def close(self) -> None:
        """Do and send nothing any more."""
        self.end()
        self.cancel_reconnect()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _took_too_long(self) -> None:
        self._timer = None
        self.refuse(Reason.BROKEN, f"expected {e2e.READY} within {BEGIN_SECONDS:.0f} s; come again")

    def _broke(self, what: str) -> None:
        self.refuse(Reason.BROKEN, what)

    def refuse(self, reason: Reason, message: str) -> None:
        """End the session, tell the phone, and have the pairing end. What comes of it still is passed over."""
        if self.session is None:
            return
        self._stop_timer()
        self.session.end()
        _log.warning("the session with the phone %s is over (%s): %s", self.session.phone_id, reason.value, message)
        self._say("e2e:refused", messages.E2eRefused(reason=reason.value, message=message))
        self._listener.encryption_failed(message)

    def cancel_reconnect(self) -> None:
        """A new pairing has ended the one before."""
        if self._reconnect_timer is not None:
            self._reconnect_timer.cancel()
            self._reconnect_timer = None

    def reconnect_relay(self) -> None:
        """Leave the relay, once what the phone was told is on its way, and come again: that ends any pairing."""
        if self._reconnect_timer is None:
            self._reconnect_by = self._loop.time() + PART_SECONDS
            self._reconnect_timer = self._loop.call_later(0, self._look)

    def _look(self) -> None:
        self._reconnect_timer = None
        if self._relay.open and self._relay.in_flight and self._loop.time() < self._reconnect_by:
            self._reconnect_timer = self._loop.call_later(_LOOK_SECONDS, self._look)
        elif self._relay.open:
            self._relay.drop()

    # -- what the relay forwards

    def receive(self, event: str, payload: object) -> None:
        """An event that the relay forwarded, from such a phone or not."""
        if self.session is not None:
            self._do(self.session.receive(event, payload))

    def ignore(self, what: str) -> None:
        """Something came that such a phone does not send in clear: it is said once for each session."""
        if not self._said_ignored:
            self._said_ignored = True
            _log.warning("ignored from the relay: %s; the phone encrypts, so it is not the phone's", what)

    def _do(self, commands: Iterable[e2e.E2eCommand]) -> None:
        for command in commands:
            match command:
                case e2e.SendToPhone(event, payload):
                    self._say(event, payload)
                case e2e.PhoneProven():
                    self._became_established(command)
                case e2e.FrameOpened(frame):
                    self._listener.frame_opened(frame)
                case e2e.SessionRefused(reason, message):
                    self.refuse(reason, message)
                case e2e.MessageIgnored(what):
                    _log.debug("ignored: %s", what)

    def _became_established(self, phone: e2e.PhoneProven) -> None:
        assert self.session is not None  # noqa: S101 - it has just said so
        self._stop_timer()
        try:
            self._phones.came(phone.key, self.session.phone_id, phone.name, phone.psk)
        except LimitReached as full:
            self.refuse(Reason.UNKNOWN, str(full))
            return
        self._listener.phone_proven(phone.features)

    def _say(self, event: str, payload: object) -> None:
        try:
            self._relay.send(event, payload)
        except TransportClosed as error:
            _log.debug("%s could not be sent: %s", event, error)
