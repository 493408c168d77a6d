"""A phone's side of end-to-end encryption: its keys, and the session of one pairing. Does no I/O.

A phone that returns knows the agent by its public key and needs no link. Plaintext messages from the relay can't change
the key that the phone trusts.
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
"""Events that an encrypting phone accepts from a relay in plaintext. All other plaintext events are forged."""

TO_RELAY = frozenset(
    {"register", "request_connection", "handshake:response", "handshake:confirmed", "error", "relay:echo", "e2e:hello"}
)
"""Events that an encrypting phone sends in plaintext."""


@dataclass(frozen=True, slots=True)
class InvitationLink:
    """The parts of an invitation link.

    `page` is the URL without the fragment, and `code` the invitation's code. `key` is the agent's public key, and
    `device_id` its device id.
    """

    page: str
    code: str
    secret: bytes
    key: bytes
    device_id: str

    @classmethod
    def read(cls, link: str) -> "InvitationLink":
        """Parse a link. Raises ValueError if it is invalid."""
        page, _, fragment = link.partition("#")
        form, code, *rest = fragment.split(".")
        secret, key, device_id = (urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in rest)
        if form != "1" or len(secret) != 16 or len(key) != 32:
            raise ValueError(f"expected #1.CODE.SECRET.KEY.ID; found {fragment!r}")
        return cls(page, code, secret, key, str(UUID(bytes=device_id)))


@dataclass
class PhoneKeys:
    """The keys of one phone and its agent: `agent_key` is the agent's public key, and `key` the phone's key pair.

    `psk` is the pre-shared key that is derived from the link's secret. It is dropped once the agent has sent a sealed
    message.
    """

    agent_key: bytes
    agent_id: str
    key: KeyPair
    psk: bytes = NO_SECRET

    @classmethod
    def by_link(cls, link: InvitationLink, key: KeyPair | None = None) -> "PhoneKeys":
        """Return the keys of a phone that has opened a link. Its own key pair is `key`, by default a new one."""
        return cls(link.key, link.device_id, key or KeyPair.generate(), link_psk(link.secret))


class EncryptionSession:
    """One encrypted session. A message that can't be decrypted raises MobiFaiError and makes the session unusable."""

    def __init__(self, keys: PhoneKeys, phone_id: str, name: str, features: tuple[str, ...]) -> None:
        self._keys = keys
        self._initiator = Initiator(keys.key, keys.agent_key, keys.psk, prologue(keys.agent_id, phone_id))
        self._introduction = json.dumps({"name": name, "features": list(features)}).encode()
        self._transport: TransportState | None = None
        self.agent: dict[str, Any] = {}
        """The agent's description of itself from the handshake, such as its features; empty before the handshake."""

    @property
    def is_open(self) -> bool:
        """Whether the handshake is complete."""
        return self._transport is not None

    def hello(self) -> dict[str, str]:
        """Return the payload of `e2e:hello`, which has the first message of the Noise handshake."""
        return {"message": _base64(self._initiator.first(self._introduction))}

    def welcomed(self, payload: dict[str, Any]) -> None:
        """Process the payload of `e2e:welcome`, which has the second message of the handshake. Raises HandshakeFailed,
        ValueError.
        """
        said, self._transport = self._initiator.second(binascii.a2b_base64(payload["message"], strict_mode=True))
        self.agent = json.loads(said)

    def seal(self, event: str, payload: Any, number: int | None = None) -> dict[str, str]:
        """Encrypt a message to the agent, with the sequence number `number` if it is given. Return the payload of
        `e2e:sealed`. Raises EncryptionError.
        """
        numbered = {} if number is None else {"seq": number}
        return self.seal_bytes(_json({"type": event, "payload": payload, **numbered}))

    def seal_bytes(self, frame: bytes) -> dict[str, str]:
        """Encrypt a frame of any content. Return the payload of `e2e:sealed`. Raises EncryptionError."""
        assert self._transport is not None  # noqa: S101 - see `is_open`
        return {"data": _base64(self._transport.seal(frame))}

    def open(self, payload: dict[str, Any]) -> tuple[str, Any]:
        """Decrypt a message from the agent. Return its event and payload. Raises EncryptionError, ValueError."""
        event, said, _ = self.open_numbered(payload)
        return event, said

    def open_numbered(self, payload: dict[str, Any]) -> tuple[str, Any, int | None]:
        """Decrypt a message from the agent. Return its event, its payload and its sequence number, if any.

        The message proves that the agent knows the phone's key, so the secret of the link is dropped. Raises
        EncryptionError, ValueError.
        """
        assert self._transport is not None  # noqa: S101 - see `is_open`
        message = json.loads(self._transport.open(binascii.a2b_base64(payload["data"], strict_mode=True)))
        self._keys.psk = NO_SECRET
        return message["type"], message["payload"], message.get("seq")


def _json(message: object) -> bytes:
    """Encode a message as a phone does: in UTF-8, with lone surrogates escaped."""
    try:
        return json.dumps(message, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(message).encode()


def _base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()
