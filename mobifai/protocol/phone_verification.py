"""The phone's proof to the agent that it holds its key: the signed texts, and the check of the phone's signature.

Each device signs the challenge that the relay made for it. If both support it, the signed text also contains the ids
and the public keys of both devices, which binds the signature to this handshake.
"""

from dataclasses import dataclass

from mobifai.protocol import messages
from mobifai.protocol.features import Features
from mobifai.protocol.handshake import Identity, Party, bound_text, verifies


@dataclass(frozen=True, slots=True)
class Peer:
    """The phone of a handshake. `secret` is the secret that phone and agent share.

    `to_verify` is the text that the phone signs. It is None if the relay does not send the agent the phone's challenge.
    """

    peer_id: str
    secret: bytes
    to_verify: str | None
    our_signature: str
    features: tuple[str, ...] = ()
    verified: bool = False

    def accepts(self, signature: str) -> bool:
        """Return whether this is the phone's signature. Without a text to verify, any signature is accepted."""
        if self.to_verify is None:
            return True
        return signature.lower() != self.our_signature and verifies(self.secret, self.to_verify, signature)


def is_reflected(message: messages.HandshakeInitiate, device_id: str, identity: Identity) -> bool:
    """Return whether the agent's own signature would also be accepted as the phone's."""
    return (
        message.peer_id == device_id
        or message.peer_public_key.lower() == identity.public_hex.lower()
        or message.challenge.lower() == (message.peer_challenge or "").lower()
    )


def signed_texts(message: messages.HandshakeInitiate, device_id: str, identity: Identity) -> tuple[str, str | None]:
    """Return the text that the agent signs, and the text that the phone signs.

    The second one is None if the relay does not send the agent the phone's challenge.
    """
    theirs = message.peer_challenge
    if theirs is None or not Features.common(message.peer_features).binds:
        return message.challenge, theirs
    agent = Party("mac", device_id, identity.public_hex, message.challenge)
    phone = Party("mobile", message.peer_id, message.peer_public_key, theirs)
    return bound_text(agent, phone), bound_text(phone, agent)
