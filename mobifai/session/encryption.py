"""End-to-end encryption with one phone through a relay: the handshake, and a transport that encrypts all messages.

`protocol.e2e` decides the steps of the handshake. This module sends its messages, limits its time and pins the phone's
key. After the handshake it encrypts and decrypts. Owns the `E2eSession` and the timer of the handshake.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import NamedTuple

from mobifai.access.known_phones import KnownPhones
from mobifai.errors import BadMessage, EncryptionError, LimitReached
from mobifai.limits import MAX_FRAME, MAX_ID
from mobifai.protocol import e2e, messages
from mobifai.protocol.codec import decode_base64, encode_base64, encode_frame
from mobifai.protocol.e2e import E2eStage, Reason
from mobifai.protocol.noise import KeyPair
from mobifai.protocol.order import Numbering
from mobifai.transport.transport import Transport, TransportClosed

_log = logging.getLogger(__name__)

HANDSHAKE_SECONDS = 15.0
"""Time limit of the handshake in seconds. It has two round trips, and the phone, which may be slow, generates a key."""


class Identity(NamedTuple):
    """The agent as its phones know it. `key` is the agent's static key pair of the Noise handshake."""

    key: KeyPair
    device_id: str
    name: str
    features: tuple[str, ...]


class Refusal(NamedTuple):
    """The reason for which the agent has ended an encrypted session.

    The same reason was sent to the phone through the relay.
    """

    reason: Reason
    message: str


class EncryptedSession:
    """The encryption with one phone. It is also a transport, which encrypts messages and sends them through `relay`.

    The transport is closed until the phone has proven that it holds its key. `on_refused` is called once, if the
    handshake or the session fails. `numbering` numbers the messages of all transports of the session.
    """

    def __init__(
        self,
        relay: Transport,
        phone_id: str,
        identity: Identity,
        phones: KnownPhones,
        numbering: Numbering,
        on_refused: Callable[[Refusal], None],
    ) -> None:
        introduction = messages.Introduction(name=identity.name, features=identity.features)
        self._relay = relay
        self._phones = phones
        self.on_refused = on_refused
        self._has_warned = False
        self._state = e2e.E2eSession(identity.key, identity.device_id, phone_id, introduction, phones)
        self._timer: asyncio.TimerHandle | None = None
        self.numbering = numbering

    def start(self) -> None:
        """Start the time limit of the handshake."""
        self._timer = asyncio.get_running_loop().call_later(HANDSHAKE_SECONDS, self._timed_out)

    def close(self) -> None:
        """Stop encrypting and decrypting. Send the phone no message about it. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._state.end()

    def refuse(self, reason: Reason, message: str) -> None:
        """End the session, and send the phone the reason. Does nothing if the session has ended already."""
        if self._state.stage is E2eStage.ENDED:
            return
        self.close()
        self._end(Refusal(reason, message))

    def _end(self, refusal: Refusal) -> None:
        _log.warning(
            "ended the encrypted session with the phone %s (reason: %s): %s",
            self._state.phone_id,
            refusal.reason.value,
            refusal.message,
        )
        self._send("e2e:refused", messages.E2eRefused(reason=refusal.reason.value, message=refusal.message))
        self.on_refused(refusal)

    def _timed_out(self) -> None:
        self._timer = None
        self.refuse(Reason.BROKEN, f"expected {e2e.READY} from the phone within {HANDSHAKE_SECONDS:.0f} s; pair again")

    # -- messages that the relay forwards

    def receive(self, event: str, payload: object) -> e2e.PhoneProven | None:
        """Process a message of the handshake.

        Return the phone if this message proves that it holds its key, otherwise None.
        """
        for command in self._state.receive(event, payload):
            match command:
                case e2e.SendToPhone(reply, content):
                    self._send(reply, content)
                case e2e.PhoneProven() if self._pin(command):
                    return command
                case e2e.SessionRefused(reason, message):
                    self.close()
                    self._end(Refusal(reason, message))
                case e2e.MessageIgnored(what):
                    _log.debug("ignored a message from the relay during the encrypted handshake: %s", what)
        return None

    def decrypt(self, payload: object) -> bytes | None:
        """Decrypt the payload of an event `e2e:sealed`, and return the frame in it.

        Return None before the session is established, or if decryption fails. A failure ends the session.
        """
        ciphers = self._state.ciphers
        if ciphers is None:
            return None
        try:
            sealed: messages.E2eSealed = messages.decode(messages.SEALING, "e2e:sealed", payload)
            return ciphers.open(decode_base64(sealed.data))
        except (BadMessage, EncryptionError) as error:
            self.refuse(Reason.BROKEN, str(error))
            return None

    def ignore(self, event: str) -> None:
        """Ignore an event that a phone with encryption does not send now.

        Log a warning for the first unencrypted event.
        """
        if event in messages.SEALING:
            _log.debug("ignored the event %s, which the session with the phone does not accept now", event)
        elif not self._has_warned:
            self._has_warned = True
            _log.warning(
                "ignored an unencrypted event %s from the relay: the phone encrypts, so it did not send this event",
                event[:MAX_ID],
            )

    def _pin(self, phone: e2e.PhoneProven) -> bool:
        """Store the phone's key. If there is no room for it, refuse the phone and return False."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        try:
            self._phones.came(phone.key, self._state.phone_id, phone.name, phone.psk)
        except LimitReached as full:
            self.refuse(Reason.UNKNOWN, str(full))
            return False
        return True

    def _send(self, event: str, payload: object) -> None:
        try:
            self._relay.send(event, payload)
        except TransportClosed as error:
            _log.debug("the event %s could not be sent to the phone: %s", event, error)

    # -- the transport

    @property
    def open(self) -> bool:
        """Whether the phone has proven that it holds its key and the transport to the relay is open."""
        return self._state.ciphers is not None and self._relay.open

    def room_for_bulk(self, piece: int) -> bool:
        """Return whether a chunk of output of `piece` bytes can be sent now."""
        return self.open and self._relay.room_for_bulk(piece)

    def room_for_control(self) -> bool:
        """Return whether a short message can be sent now."""
        return self.open and self._relay.room_for_control()

    def send(self, event: str, payload: object) -> None:
        """Encrypt and send a message. Raises TransportClosed if the transport is closed or has no room.

        Room is checked before encrypting, because each encrypted message has a number and so can't be dropped. A
        message that is too long for a phone is logged and not sent.
        """
        ciphers = self._state.ciphers
        if ciphers is None or not self._relay.open or not self._relay.room_for_control():
            raise TransportClosed("the encrypted transport through the relay is not open, or its queue is full")
        frame = encode_frame(event, payload, self.numbering.next)
        if len(frame) > MAX_FRAME:
            _log.warning(
                "did not send the event %s to the phone: it has %d bytes, and a phone accepts at most %d",
                event[:64],
                len(frame),
                MAX_FRAME,
            )
            return
        try:
            self._relay.send("e2e:sealed", messages.E2eSealed(data=encode_base64(ciphers.seal(frame))))
        except (TransportClosed, EncryptionError) as error:
            self.refuse(Reason.BROKEN, f"an encrypted message could not be sent: {error}")
            raise TransportClosed(str(error)) from None
        self.numbering.sent(event)
