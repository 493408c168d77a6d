"""The proof that devices hold their keys: ECDH over secp256k1, and HMAC-SHA256 over a challenge.

See section 3 of docs/reference/protocol.md. Keys are sent as the hex digits of an uncompressed point (65 bytes, of
which the first is `04`), as legacy apps do. The cryptography library is imported when a key is first used, because an
agent without a phone does not need it.
"""

import hmac
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

from mobifai.errors import HandshakeFailed

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec

_UNCOMPRESSED = re.compile(r"04[0-9a-fA-F]{128}\Z")


class Identity:
    """A device's key pair. Its `repr` does not reveal the private key."""

    __slots__ = ("_public", "_secret")

    def __init__(self, secret: int, public_hex: str) -> None:
        self._secret = secret
        self._public = public_hex

    @classmethod
    def generate(cls) -> "Identity":
        """Generate a new key pair."""
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - see above

        return cls._of(ec.generate_private_key(ec.SECP256K1()))

    @classmethod
    def from_hex(cls, secret: str, public: str | None = None) -> "Identity":
        """Restore an identity from its stored `secret_hex` and `public_hex`. Raises ValueError.

        If the public key is not given, it is computed.
        """
        number = int(secret, 16)
        if public is None:
            return cls._of(_private_key(number))
        if not _UNCOMPRESSED.match(public):
            raise ValueError("expected a public key as 130 hex digits of an uncompressed secp256k1 point")
        return cls(number, public)

    @classmethod
    def _of(cls, key: "ec.EllipticCurvePrivateKey") -> "Identity":
        numbers = key.private_numbers()
        point = numbers.public_numbers
        return cls(numbers.private_value, f"04{point.x:064x}{point.y:064x}")

    @property
    def secret_hex(self) -> str:
        """The private key, a scalar, as 64 hex digits."""
        return f"{self._secret:064x}"

    @property
    def public_hex(self) -> str:
        """The public key, an uncompressed point, as 130 hex digits."""
        return self._public

    def shared_secret(self, peer_public_hex: str) -> bytes:
        """Return the secret shared with the peer: 32 bytes, the x coordinate of ECDH.

        Raises HandshakeFailed if the peer's public key is invalid.
        """
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - see above

        return _private_key(self._secret).exchange(ec.ECDH(), _peer_key(peer_public_hex))

    def __repr__(self) -> str:
        return f"Identity({self.public_hex[:16]}...)"


def _private_key(number: int) -> "ec.EllipticCurvePrivateKey":
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - see above

    return ec.derive_private_key(number, ec.SECP256K1())


def _peer_key(public_hex: str) -> "ec.EllipticCurvePublicKey":
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - see above

    if not _UNCOMPRESSED.match(public_hex):
        raise HandshakeFailed(
            "expected the peer's public key as 130 hex digits of an uncompressed secp256k1 point; "
            f"found {len(public_hex)} characters"
        )
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), bytes.fromhex(public_hex))
    except ValueError:
        raise HandshakeFailed("the peer's public key is not a point of secp256k1") from None


@dataclass(frozen=True, slots=True)
class Party:
    """One side of a handshake. `role` is the device type: `mac` for the agent, `mobile` for the phone."""

    role: Literal["mac", "mobile"]
    device_id: str
    public_hex: str
    challenge: str


def bound_text(signer: Party, verifier: Party) -> str:
    """Return the text that the signer signs if both sides have the feature `bind`.

    It consists of the ids, roles, keys and challenges of both. So a signature is valid only for one side of one
    handshake.
    """
    sides = (
        part
        for party in (signer, verifier)
        for part in (party.role, party.device_id, party.public_hex.lower(), party.challenge.lower())
    )
    return "\n".join(("MobiFai handshake 2", *sides))


def sign(shared_secret: bytes, challenge: str) -> str:
    """Return the signature as hex digits. `challenge` is a challenge's hex digits, or the result of `bound_text`."""
    return hmac.new(shared_secret, challenge.encode(), sha256).hexdigest()


def verifies(shared_secret: bytes, challenge: str, signature: str) -> bool:
    """Return whether `signature` over `challenge` was made with the shared secret.

    Also accept a signature for which the peer left out the secret's leading zero bytes.
    """
    found = signature.lower().encode()
    forms = (shared_secret, shared_secret.lstrip(b"\0"))
    matches = [hmac.compare_digest(sign(form, challenge).encode(), found) for form in forms]
    return any(matches)
