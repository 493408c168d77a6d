"""The handshake of end-to-end encryption with one phone: the agent's side, as a state machine without I/O.

A session waits for the phone's message `e2e:hello` (HELLO). This message begins a Noise handshake, in which the phone
shows that it holds a key that the agent has pinned, or the secret of an invitation link. The agent answers with
`e2e:welcome`, and waits for the first sealed (encrypted) message (READY). Until this message is decrypted, the phone's
hello may be a replayed recording, so the agent sends nothing else to the phone and does nothing for it. The first
sealed message has to be `e2e:ready`. It proves that the phone holds its key. Further messages are encrypted with the
session's `ciphers` (ESTABLISHED), without this state machine. A message that can't be decrypted or read, and a phone
that is not trusted, end the session (ENDED); the phone may pair again.

`TRANSITIONS` is the whole machine: for each stage, the messages that are accepted in it and the stage that follows. All
others are ignored, because anyone who controls the relay can send them. An accepted message may still fail a check,
which leads to ENDED.

`E2eSession` does no I/O and stores no phones: it asks `Trust` about keys and links. Commands are msgspec structs
because defining a dataclass takes several times as long, which would delay every start of an agent.
"""

from collections.abc import Iterable, Mapping
from enum import Enum, StrEnum
from hashlib import sha256
from typing import Any, Protocol

import msgspec

from mobifai.errors import BadMessage, EncryptionError, HandshakeFailed
from mobifai.protocol import messages
from mobifai.protocol.codec import decode_base64, decode_frame, encode_base64
from mobifai.protocol.noise import NO_SECRET, KeyPair, Responder, TransportState

SECRET_BYTES = 16
LINK_SECONDS = 600
"""How long an invitation link is valid, in seconds. This is also the validity of its pairing code."""

READY = "e2e:ready"


def prologue(agent_id: str, phone_id: str) -> bytes:
    """Return the Noise prologue, which both sides must agree on. It contains the ids of the agent and the phone."""
    return f"MobiFai e2e 1\n{agent_id}\n{phone_id}".encode()


def link_psk(secret: bytes) -> bytes:
    """Return the pre-shared key that is derived from the secret of an invitation link."""
    return sha256(b"MobiFai link secret 1\n" + secret).digest()


def fingerprint(key: bytes) -> str:
    """Return a short form of a public key for people to compare.

    It is the first 8 bytes of the key's SHA-256, as hex digits in groups of four.
    """
    digits = sha256(key).hexdigest()[:16]
    return " ".join(digits[start : start + 4] for start in range(0, 16, 4))


class E2eStage(Enum):
    """The stage of a session. HELLO and READY are named after the messages for which the session waits."""

    HELLO = "hello"
    READY = "ready"
    ESTABLISHED = "established"
    ENDED = "ended"


TRANSITIONS: Mapping[E2eStage, Mapping[str, E2eStage]] = {
    E2eStage.HELLO: {"e2e:hello": E2eStage.READY},
    E2eStage.READY: {"e2e:sealed": E2eStage.ESTABLISHED},
    E2eStage.ESTABLISHED: {},
    E2eStage.ENDED: {},
}
"""The stage that follows each message of the phone, unless the phone is refused because of the message."""


class Reason(StrEnum):
    """The reason for which the agent refuses a phone, as `e2e:refused` contains it."""

    UNKNOWN = "unknown"
    LINK_USED = "link-used"
    REVOKED = "revoked"
    BROKEN = "broken"


class KeyStatus(Enum):
    """The status of a phone's public key: pinned, revoked or unknown to the agent."""

    PINNED = "pinned"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


class Trust(Protocol):
    """The keys and invitation links that the agent accepts.

    Both may change during a session, so answers are not cached.
    """

    def key_status(self, key: bytes) -> KeyStatus:
        """Return whether a phone's public key is pinned, revoked or unknown."""

    def psks(self) -> Iterable[bytes]:
        """Return the pre-shared keys of the invitation links that are valid now."""

    def rejection_reason(self, key: bytes, device_id: str) -> str | None:
        """Return why the key of this phone can't be pinned, as a sentence for its user, or None if it can be pinned."""


class SendToPhone(msgspec.Struct, frozen=True):
    """Send a message to the phone through the relay, unencrypted."""

    event: str
    payload: object


class PhoneProven(msgspec.Struct, frozen=True):
    """Pin the key that the phone has proven to hold, and serve the phone.

    `psk` is the pre-shared key of the invitation link that the phone used, which becomes invalid. It is None for a
    phone whose key is already pinned.
    """

    key: bytes
    name: str
    features: tuple[str, ...]
    psk: bytes | None


class SessionRefused(msgspec.Struct, frozen=True):
    """End the session, and send the phone the reason."""

    reason: Reason
    message: str


class MessageIgnored(msgspec.Struct, frozen=True):
    """Log that a message was ignored. `what` says which one, and why."""

    what: str


E2eCommand = SendToPhone | PhoneProven | SessionRefused | MessageIgnored


class _Phone(msgspec.Struct, frozen=True):
    """The phone of a handshake. `psk` is the pre-shared key of the invitation link that the phone used, or None."""

    key: bytes
    introduction: messages.Introduction
    psk: bytes | None


class E2eSession:
    """The handshake with one phone.

    `static` is the agent's key pair. `introduction` is the agent's name and features, which the handshake sends to the
    phone. `ciphers` encrypts and decrypts both directions. It is None unless the session is ESTABLISHED.
    """

    def __init__(
        self, static: KeyPair, agent_id: str, phone_id: str, introduction: messages.Introduction, trust: Trust
    ) -> None:
        self.stage = E2eStage.HELLO
        self.phone_id = phone_id
        self._static = static
        self._prologue = prologue(agent_id, phone_id)
        self._introduction = introduction
        self._trust = trust
        self._phone: _Phone | None = None
        self._answered: TransportState | None = None
        self.ciphers: TransportState | None = None

    # -- messages from the phone

    def receive(self, event: str, payload: object) -> list[E2eCommand]:
        """Process an event of the phone, which the relay has forwarded. Return the commands to carry out."""
        following = TRANSITIONS[self.stage].get(event)
        if following is None:
            return [
                MessageIgnored(f"{event[:64]} is unencrypted, or came at the wrong time (stage: {self.stage.value})")
            ]
        try:
            command = self._process(event, payload)
        except _RefusedError as refused:
            self.end()
            return [SessionRefused(refused.reason, str(refused))]
        self.stage = following
        return [command]

    def _process(self, event: str, payload: object) -> E2eCommand:
        message = _read(event, payload)
        if self.stage is E2eStage.HELLO:
            return self._welcome(message.message)
        return self._prove(message.data)

    def _welcome(self, message: str) -> E2eCommand:
        """Answer the phone's hello with the second message of the handshake."""
        try:
            responder = Responder(self._static, self._prologue, decode_base64(message))
            self._phone = self._recognize(responder)
            answer, self._answered = responder.second(msgspec.json.encode(self._introduction))
        except (EncryptionError, HandshakeFailed) as error:
            raise _RefusedError(Reason.BROKEN, str(error)) from None
        return SendToPhone("e2e:welcome", messages.E2eHandshake(message=encode_base64(answer)))

    def _recognize(self, responder: Responder) -> _Phone:
        """Return the phone that has sent the hello: its key is pinned, or it has a valid invitation link.

        Raises _RefusedError for any other phone.
        """
        key = responder.initiator
        key_status = self._trust.key_status(key)
        if key_status is KeyStatus.PINNED and (payload := responder.try_psk(NO_SECRET)) is not None:
            return _Phone(key, _introduction(payload), None)
        for psk in self._trust.psks():
            if (payload := responder.try_psk(psk)) is not None:
                self._require_room(key)
                return _Phone(key, _introduction(payload), psk)
        if responder.try_psk(NO_SECRET) is None:
            raise _RefusedError(Reason.LINK_USED, "this link was used, or is older than 10 minutes; scan a new one")
        raise _unknown_key(key_status)

    def _require_room(self, key: bytes) -> None:
        reason = self._trust.rejection_reason(key, self.phone_id)
        if reason is not None:
            raise _RefusedError(Reason.UNKNOWN, reason)

    def _prove(self, data: str) -> E2eCommand:
        """Accept the phone because of its first sealed message.

        Raises _RefusedError if the message is wrong, or the phone's key or link became invalid during the handshake.
        """
        phone, ciphers = self._phone, self._answered
        assert phone is not None  # noqa: S101 - the stage says so
        assert ciphers is not None  # noqa: S101 - likewise
        try:
            frame = ciphers.open(decode_base64(data))
        except EncryptionError as error:
            raise _RefusedError(Reason.BROKEN, str(error)) from None
        if _event(frame) != READY:
            raise _RefusedError(
                Reason.BROKEN, f"expected {READY} as the phone's first encrypted message; found another one"
            )
        if phone.psk is not None and phone.psk not in self._trust.psks():
            raise _RefusedError(Reason.LINK_USED, "this link is no longer valid; scan a new one")
        if phone.psk is None and (key_status := self._trust.key_status(phone.key)) is not KeyStatus.PINNED:
            raise _unknown_key(key_status)
        self.ciphers = ciphers
        return PhoneProven(phone.key, phone.introduction.name, phone.introduction.features, phone.psk)

    def end(self) -> None:
        """End the session, and drop its ciphers. Idempotent."""
        self.stage = E2eStage.ENDED
        self.ciphers = self._answered = None


class _RefusedError(Exception):
    """Raised to end the handshake: a message is invalid, or the phone is not trusted."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def _unknown_key(key_status: KeyStatus) -> _RefusedError:
    if key_status is KeyStatus.REVOKED:
        return _RefusedError(
            Reason.REVOKED, "this phone was revoked; `mobifai pair` shows a link that lets it in again"
        )
    return _RefusedError(Reason.UNKNOWN, "this agent does not know this phone; `mobifai pair` shows a link for it")


def _read(event: str, payload: object) -> Any:
    try:
        return messages.decode(messages.SEALING, event, payload)
    except BadMessage as error:
        raise _RefusedError(Reason.BROKEN, str(error)) from None


def _introduction(payload: bytes) -> messages.Introduction:
    try:
        return msgspec.json.decode(payload, type=messages.Introduction)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _RefusedError(Reason.BROKEN, f"expected the phone's name and features as JSON: {error}") from None


def _event(frame: bytes) -> str:
    try:
        return decode_frame(frame.decode())[0]
    except (BadMessage, UnicodeDecodeError):
        return ""
