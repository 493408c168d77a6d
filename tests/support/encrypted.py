"""An agent and a phone for tests of their encryption: keys, the phones that the agent knows, and both sides."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from mobifai.protocol import e2e, messages
from mobifai.protocol.e2e import KeyStatus
from mobifai.protocol.noise import NO_SECRET, KeyPair
from soak.phone.encryption import EncryptionSession, PhoneKeys

AGENT, PHONE, OTHER = (KeyPair.of(bytes([number]) * 32) for number in (1, 2, 3))
SECRET = bytes(range(16))
PSK = e2e.link_psk(SECRET)
INTRODUCTION = messages.Introduction(name="Laptop", features=("ack", "e2e"))


@dataclass
class Known:
    """The phones that the agent knows."""

    pinned: set[bytes] = field(default_factory=set)
    revoked: set[bytes] = field(default_factory=set)
    links: list[bytes] = field(default_factory=list)
    full: str | None = None

    def key_status(self, key: bytes) -> KeyStatus:
        if key in self.pinned:
            return KeyStatus.PINNED
        return KeyStatus.REVOKED if key in self.revoked else KeyStatus.UNKNOWN

    def psks(self) -> Iterable[bytes]:
        return tuple(self.links)

    def rejection_reason(self, key: bytes, device_id: str) -> str | None:
        return None if key in self.pinned else self.full

    def came(self, key: bytes, _device_id: str, _name: str, psk: bytes | None) -> None:
        self.pinned.add(key)
        if psk is not None:
            self.links.remove(psk)


def a_phone(psk: bytes = NO_SECRET, key: KeyPair = PHONE, agent_key: bytes = AGENT.public) -> EncryptionSession:
    return EncryptionSession(PhoneKeys(agent_key, "agent", key, psk), "phone", "Pixel", ("resume",))
