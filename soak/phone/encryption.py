"""A phone's side of end-to-end encryption: its key, the agent's, and the session of one pairing. Pure.

Keeps what a phone keeps: a phone that comes back knows the agent by its key, and needs no link. What the relay says in
clear changes nothing of that.
"""

import binascii
import json
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from mobifai.protocol.e2e import link_psk, prologue
from mobifai.protocol.noise import NO_SECRET, Initiator, KeyPair, TransportState

E2E = "e2e"

RELAYS_OWN = frozenset(
    {
        "authenticated", "login_required", "auth_error", "error", "waiting_for_peer", "available_devices",
        "handshake:initiate", "handshake:verify", "paired", "paired_device_disconnected", "settings:updated",
        "relay:echo", "e2e:welcome", "e2e:sealed", "e2e:refused",
    }
)  # fmt: skip
"""What such a phone takes from a relay in clear; all else is forged."""

TO_RELAY = frozenset(
    {"register", "request_connection", "handshake:response", "handshake:confirmed", "error", "relay:echo", "e2e:hello"}
)
"""What it sends in clear."""


@dataclass(frozen=True, slots=True)
class InvitationLink:
    """A link's parts."""

    page: str
    code: str
    secret: bytes
    key: bytes
    device_id: str

    @classmethod
    def read(cls, link: str) -> "InvitationLink":
        """Take a link apart. Raises ValueError."""
        page, _, fragment = link.partition("#")
        form, code, *rest = fragment.split(".")
        secret, key, device_id = (urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in rest)
        if form != "1" or len(secret) != 16 or len(key) != 32:
            raise ValueError(f"expected #1.CODE.SECRET.KEY.ID; found {fragment!r}")
        return cls(page, code, secret, key, str(UUID(bytes=device_id)))


@dataclass
class PhoneKeys:
    """What the phone keeps. `psk` is a link's until the agent has answered with something sealed."""

    agent_key: bytes
    agent_id: str
    key: KeyPair
    psk: bytes = NO_SECRET

    @classmethod
    def by_link(cls, link: InvitationLink, key: KeyPair | None = None) -> "PhoneKeys":
        """Of a phone that has opened a link."""
        return cls(link.key, link.device_id, key or KeyPair.generate(), link_psk(link.secret))


class EncryptionSession:
    """One session. What can't be opened raises MobiFaiError, and ends it."""

    def __init__(self, seal: PhoneKeys, phone_id: str, name: str, features: tuple[str, ...]) -> None:
        self._seal = seal
        self._initiator = Initiator(seal.key, seal.agent_key, seal.psk, prologue(seal.agent_id, phone_id))
        self._introduction = json.dumps({"name": name, "features": list(features)}).encode()
        self._transport: TransportState | None = None
        self.agent: dict[str, Any] = {}
        """What the agent said of itself within the handshake."""

    @property
    def is_open(self) -> bool:
        """Whether messages can be sealed."""
        return self._transport is not None

    def hello(self) -> dict[str, str]:
        """The first message."""
        return {"message": _base64(self._initiator.first(self._introduction))}

    def welcomed(self, payload: dict[str, Any]) -> None:
        """The second one. Raises HandshakeFailed, ValueError."""
        said, self._transport = self._initiator.second(binascii.a2b_base64(payload["message"], strict_mode=True))
        self.agent = json.loads(said)

    def seal(self, event: str, payload: Any, number: int | None = None) -> dict[str, str]:
        """The next message to the agent, with its number if it has one. Raises EncryptionError."""
        numbered = {} if number is None else {"seq": number}
        return self.seal_bytes(_json({"type": event, "payload": payload, **numbered}))

    def seal_bytes(self, frame: bytes) -> dict[str, str]:
        """The same for a frame of any content."""
        assert self._transport is not None  # noqa: S101 - see `is_open`
        return {"data": _base64(self._transport.seal(frame))}

    def open(self, payload: dict[str, Any]) -> tuple[str, Any]:
        """The next message of the agent, without its number. Raises EncryptionError, ValueError."""
        event, said, _ = self.open_numbered(payload)
        return event, said

    def open_numbered(self, payload: dict[str, Any]) -> tuple[str, Any, int | None]:
        """The next message of the agent, which knows the phone by its key now. Raises EncryptionError, ValueError."""
        assert self._transport is not None  # noqa: S101 - see `is_open`
        message = json.loads(self._transport.open(binascii.a2b_base64(payload["data"], strict_mode=True)))
        self._seal.psk = NO_SECRET
        return message["type"], message["payload"], message.get("seq")


def _json(message: object) -> bytes:
    """A message as a phone writes it: letters as they are, half characters escaped."""
    try:
        return json.dumps(message, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(message).encode()


def _base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()
