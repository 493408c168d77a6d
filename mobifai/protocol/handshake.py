"""Who holds which key (section 3): ECDH over secp256k1, HMAC-SHA256 over a challenge.

Keys travel as the hex of an uncompressed point (65 bytes, `04` first), as today's apps send them.
"""

import hmac
import re
from dataclasses import dataclass
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric import ec

from mobifai.errors import HandshakeFailed

_CURVE = ec.SECP256K1()
_UNCOMPRESSED = re.compile(r"04[0-9a-fA-F]{128}\Z")


@dataclass(frozen=True, slots=True)
class Identity:
    """A device's private key. Its `repr` shows nothing of it."""

    _key: ec.EllipticCurvePrivateKey

    @classmethod
    def generate(cls) -> "Identity":
        """Make a new key."""
        return cls(ec.generate_private_key(_CURVE))

    @classmethod
    def from_hex(cls, secret: str) -> "Identity":
        """Read the form that `secret_hex` gives. Raises ValueError."""
        return cls(ec.derive_private_key(int(secret, 16), _CURVE))

    @property
    def secret_hex(self) -> str:
        """The private scalar: 64 hex digits."""
        return f"{self._key.private_numbers().private_value:064x}"

    @property
    def public_hex(self) -> str:
        """The public point, uncompressed: 130 hex digits."""
        numbers = self._key.public_key().public_numbers()
        return f"04{numbers.x:064x}{numbers.y:064x}"

    def shared_secret(self, peer_public_hex: str) -> bytes:
        """The x coordinate of ECDH with the peer: 32 bytes. Raises HandshakeFailed for a point not on the curve."""
        return self._key.exchange(ec.ECDH(), _peer_key(peer_public_hex))

    def __repr__(self) -> str:
        return f"Identity({self.public_hex[:16]}...)"


def _peer_key(public_hex: str) -> ec.EllipticCurvePublicKey:
    if not _UNCOMPRESSED.match(public_hex):
        raise HandshakeFailed(
            "expected the peer's public key as 130 hex digits of an uncompressed secp256k1 point; "
            f"found {len(public_hex)} characters"
        )
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, bytes.fromhex(public_hex))
    except ValueError:
        raise HandshakeFailed("the peer's public key is not a point of secp256k1") from None


def sign(shared_secret: bytes, challenge: str) -> str:
    """The hex signature over a challenge's hex text."""
    return hmac.new(shared_secret, challenge.encode(), sha256).hexdigest()


def verifies(shared_secret: bytes, challenge: str, signature: str) -> bool:
    """Whether the signature is the peer's, under the secret as it is or without leading zero bytes."""
    found = signature.lower().encode()
    forms = (shared_secret, shared_secret.lstrip(b"\0"))
    matches = [hmac.compare_digest(sign(form, challenge).encode(), found) for form in forms]
    return any(matches)
