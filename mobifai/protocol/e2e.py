"""End-to-end encryption with one phone, for the length of one pairing, as a state machine: the agent's side.

`E2eSession` is told what the relay forwards and returns commands. Until the phone's first sealed message has opened, it
has proven nothing that could not have been recorded: nothing is to be sent to it or done for it before `PhoneProven`.
It does no I/O and keeps no phone: whom the agent knows is asked of `Trust`. Commands are structs, which take a fraction
of a data class's time to define: every start of an agent pays for it.
"""

import binascii
from collections.abc import Iterable
from enum import Enum, StrEnum
from hashlib import sha256
from typing import Any, Protocol

import msgspec

from mobifai.errors import BadMessage, EncryptionError, HandshakeFailed
from mobifai.protocol import messages
from mobifai.protocol.frames import decode_frame
from mobifai.protocol.noise import NO_SECRET, KeyPair, Responder, TransportState

SECRET_BYTES = 16
LINK_SECONDS = 600
"""How long a link is good, as its pairing code is."""

READY = "e2e:ready"


def prologue(agent_id: str, phone_id: str) -> bytes:
    """What both sides must agree on beforehand: who speaks with whom."""
    return f"MobiFai e2e 1\n{agent_id}\n{phone_id}".encode()


def link_psk(secret: bytes) -> bytes:
    """The pre-shared key that a link's secret makes."""
    return sha256(b"MobiFai link secret 1\n" + secret).digest()


def fingerprint(key: bytes) -> str:
    """A short name of a public key, for people to compare: 8 bytes of its SHA-256."""
    digits = sha256(key).hexdigest()[:16]
    return " ".join(digits[start : start + 4] for start in range(0, 16, 4))


class E2eStage(Enum):
    """How far a session is."""

    HELLO = "hello"
    READY = "ready"
    ESTABLISHED = "established"
    ENDED = "ended"


class Reason(StrEnum):
    """Why a phone is refused."""

    UNKNOWN = "unknown"
    LINK_USED = "link-used"
    REVOKED = "revoked"
    BROKEN = "broken"


class KeyStatus(Enum):
    """What a key is to the agent."""

    PINNED = "pinned"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


class Trust(Protocol):
    """Whom the agent knows, and which links wait to be used. Asked anew each time: it may change meanwhile."""

    def key_status(self, key: bytes) -> KeyStatus:
        """What a public key is to the agent."""

    def psks(self) -> Iterable[bytes]:
        """The pre-shared keys of the links that are good now."""

    def rejection_reason(self, key: bytes, device_id: str) -> str | None:
        """Why no more phones can be pinned, if that is so: a sentence for the person."""


class SendToPhone(msgspec.Struct, frozen=True):
    """Tell the phone, by relay and in clear."""

    event: str
    payload: object


class PhoneProven(msgspec.Struct, frozen=True):
    """The phone is there, and is who it says. `psk`: it came by this link, which is used up now; its key is pinned."""

    key: bytes
    name: str
    features: tuple[str, ...]
    psk: bytes | None


class FrameOpened(msgspec.Struct, frozen=True):
    """A frame of the phone, whose text nobody else has read or written."""

    frame: bytes


class SessionRefused(msgspec.Struct, frozen=True):
    """The session is over: tell the phone why, and let it come again."""

    reason: Reason
    message: str


class MessageIgnored(msgspec.Struct, frozen=True):
    """Something that means nothing here, or was forged: for the log."""

    what: str


E2eCommand = SendToPhone | PhoneProven | FrameOpened | SessionRefused | MessageIgnored


class _Phone(msgspec.Struct, frozen=True):
    """The phone of a handshake."""

    key: bytes
    introduction: messages.Introduction
    psk: bytes | None


class E2eSession:
    """One phone's session. `introduction` is what the agent says of itself within the handshake."""

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
        self._transport: TransportState | None = None

    # -- what comes

    def receive(self, event: str, payload: object) -> list[E2eCommand]:
        """An event that the relay forwarded."""
        try:
            return self._dispatch(event, payload)
        except _RefusedError as refused:
            self.end()
            return [SessionRefused(refused.reason, str(refused))]

    def _dispatch(self, event: str, payload: object) -> list[E2eCommand]:
        match event, self.stage:
            case "e2e:hello", E2eStage.HELLO:
                return self._greeted(_read(event, payload).message)
            case "e2e:sealed", E2eStage.READY:
                return self._became_ready(self._open(_read(event, payload).data))
            case "e2e:sealed", E2eStage.ESTABLISHED:
                return [FrameOpened(self._open(_read(event, payload).data))]
        return [MessageIgnored(f"{event[:64]} in clear, or at the wrong time ({self.stage.value})")]

    def _greeted(self, message: str) -> list[E2eCommand]:
        try:
            responder = Responder(self._static, self._prologue, _bytes(message))
            self._phone = self._recognized(responder)
            answer, self._transport = responder.second(msgspec.json.encode(self._introduction))
        except HandshakeFailed as error:
            raise _RefusedError(Reason.BROKEN, str(error)) from None
        self.stage = E2eStage.READY
        return [SendToPhone("e2e:welcome", messages.E2eHandshake(message=_base64(answer)))]

    def _recognized(self, responder: Responder) -> _Phone:
        """Who says hello: a phone that is known, or one with a link."""
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
        rejection_reason = self._trust.rejection_reason(key, self.phone_id)
        if rejection_reason is not None:
            raise _RefusedError(Reason.UNKNOWN, rejection_reason)

    def _became_ready(self, frame: bytes) -> list[E2eCommand]:
        """The phone holds its key now; it is nobody who has recorded it. What it rests on may be void by now."""
        phone = self._phone
        assert phone is not None  # noqa: S101 - the stage says so
        if _event(frame) != READY:
            raise _RefusedError(Reason.BROKEN, f"expected {READY} as the first sealed message")
        if phone.psk is not None and phone.psk not in self._trust.psks():
            raise _RefusedError(Reason.LINK_USED, "this link became void meanwhile; scan a new one")
        if phone.psk is None and (key_status := self._trust.key_status(phone.key)) is not KeyStatus.PINNED:
            raise _unknown_key(key_status)
        self.stage = E2eStage.ESTABLISHED
        return [PhoneProven(phone.key, phone.introduction.name, phone.introduction.features, phone.psk)]

    def _open(self, data: str) -> bytes:
        assert self._transport is not None  # noqa: S101 - the stage says so
        try:
            return self._transport.open(_bytes(data))
        except (EncryptionError, HandshakeFailed) as error:
            raise _RefusedError(Reason.BROKEN, str(error)) from None

    # -- what goes

    def seal(self, frame: bytes) -> messages.E2eSealed:
        """The next message to the phone: it has to be sent, or the session ended. Raises EncryptionError."""
        if self.stage is not E2eStage.ESTABLISHED or self._transport is None:
            raise EncryptionError("expected a phone that has said that it is ready")
        return messages.E2eSealed(data=_base64(self._transport.seal(frame)))

    def end(self) -> None:
        """Seal and open nothing any more."""
        self.stage = E2eStage.ENDED
        self._transport = None


class _RefusedError(Exception):
    """The phone is refused."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def _unknown_key(key_status: KeyStatus) -> _RefusedError:
    if key_status is KeyStatus.REVOKED:
        return _RefusedError(Reason.REVOKED, "this phone was revoked; `mobifai pair` shows a link that lets it in anew")
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


def _bytes(text: str) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError as error:
        raise HandshakeFailed(f"expected Base64: {error}") from None


def _base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()
