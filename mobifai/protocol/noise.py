"""Noise_IKpsk1_25519_ChaChaPoly_SHA256: two handshake messages, then encrypted ("sealed") messages.

See the Noise specification (noiseprotocol.org), revision 34. The phone is the initiator and knows the agent's static
key; the agent is the responder. This module neither interprets payloads nor decides which keys are trusted. The
cryptography library is imported when a key is first used, as in `handshake`.
"""

import hmac
from hashlib import sha256
from typing import TYPE_CHECKING

from mobifai.errors import EncryptionError, HandshakeFailed

if TYPE_CHECKING:
    pass

NAME = b"Noise_IKpsk1_25519_ChaChaPoly_SHA256"
KEY_BYTES = 32
TAG_BYTES = 16
MOST_BYTES = 65_535
"""The maximum length of a Noise message in bytes, including its tag (section 3 of the Noise specification)."""

LAST_COUNTER = 2**64 - 2
"""The last nonce that a key may use. The next one is reserved (section 5.1 of the Noise specification)."""

NO_SECRET = bytes(KEY_BYTES)
"""The pre-shared key of peers that know each other's static keys, and so have no invitation link."""

_FIRST_HEAD = KEY_BYTES + KEY_BYTES + TAG_BYTES
"""The number of bytes before the payload of the first message: the ephemeral key, and the encrypted static key."""


class KeyPair:
    """An X25519 key pair. Its `repr` does not reveal the private key."""

    __slots__ = ("private", "public")

    def __init__(self, private: bytes, public: bytes) -> None:
        self.private = private
        self.public = public

    @classmethod
    def generate(cls) -> "KeyPair":
        """Generate a new key pair."""
        from cryptography.hazmat.primitives.asymmetric import x25519  # noqa: PLC0415 - see above

        key = x25519.X25519PrivateKey.generate()
        return cls(key.private_bytes_raw(), key.public_key().public_bytes_raw())

    @classmethod
    def of(cls, private: bytes) -> "KeyPair":
        """Return the key pair with this private key. Raises ValueError for an invalid key."""
        from cryptography.hazmat.primitives.asymmetric import x25519  # noqa: PLC0415 - see above

        key = x25519.X25519PrivateKey.from_private_bytes(private)
        return cls(private, key.public_key().public_bytes_raw())

    def exchange(self, public: bytes) -> bytes:
        """Return the secret shared with the holder of the key `public`. Raises HandshakeFailed if that key is weak."""
        from cryptography.hazmat.primitives.asymmetric import x25519  # noqa: PLC0415 - see above

        try:
            ours = x25519.X25519PrivateKey.from_private_bytes(self.private)
            shared = ours.exchange(x25519.X25519PublicKey.from_public_bytes(public))
        except ValueError:  # a point of low order, which gives everybody the same secret
            shared = bytes(KEY_BYTES)
        if not any(shared):
            raise HandshakeFailed("expected a public key of X25519; found one that shares no secret")
        return shared

    def __repr__(self) -> str:
        return f"KeyPair({self.public.hex()[:16]}...)"


class CipherState:
    """The cipher of one direction: a key, and the number of the next message. A failed decryption changes neither."""

    __slots__ = ("_cipher", "_counter")

    def __init__(self, key: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305  # noqa: PLC0415 - see above

        self._cipher: ChaCha20Poly1305 = ChaCha20Poly1305(key)
        self._counter = 0

    def seal(self, plain: bytes, associated: bytes = b"") -> bytes:
        """Encrypt the next message. Raises EncryptionError if it is too long or no message number is left."""
        if len(plain) + TAG_BYTES > MOST_BYTES:
            raise EncryptionError(f"expected at most {MOST_BYTES - TAG_BYTES} bytes to seal; found {len(plain)}")
        sealed = self._cipher.encrypt(self._nonce(), plain, associated)
        self._counter += 1
        return sealed

    def open(self, sealed: bytes, associated: bytes = b"") -> bytes:
        """Decrypt the next message. Raises EncryptionError for any data other than the peer's next message."""
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - see above

        if not TAG_BYTES <= len(sealed) <= MOST_BYTES:
            raise EncryptionError(f"expected {TAG_BYTES} to {MOST_BYTES} sealed bytes; found {len(sealed)}")
        try:
            plain = self._cipher.decrypt(self._nonce(), sealed, associated)
        except InvalidTag:
            raise EncryptionError(
                f"expected message {self._counter} of this session; found a modified or a different one"
            ) from None
        self._counter += 1
        return plain

    def _nonce(self) -> bytes:
        if self._counter > LAST_COUNTER:
            raise EncryptionError("this session has used all its message numbers; begin a new session")
        return bytes(4) + self._counter.to_bytes(8, "little")


class TransportState:
    """The ciphers of both directions after a handshake.

    `handshake_hash` identifies the session, and is equal on both sides.
    """

    __slots__ = ("_receiving", "_sending", "handshake_hash")

    def __init__(self, sending: CipherState, receiving: CipherState, handshake_hash: bytes) -> None:
        self._sending = sending
        self._receiving = receiving
        self.handshake_hash = handshake_hash

    def seal(self, plain: bytes) -> bytes:
        """Encrypt the next message to the peer. Raises EncryptionError."""
        return self._sending.seal(plain)

    def open(self, sealed: bytes) -> bytes:
        """Decrypt the peer's next message. Raises EncryptionError for any other data."""
        return self._receiving.open(sealed)


class _Symmetric:
    """The SymmetricState of Noise, with its CipherState (section 5.2 of the Noise specification)."""

    __slots__ = ("_chaining_key", "_cipher", "hash")

    def __init__(self, prologue: bytes, responder_static: bytes) -> None:
        self.hash = self._chaining_key = sha256(NAME).digest()  # the name is longer than a hash
        self._cipher: CipherState | None = None
        self.mix_hash(prologue)
        self.mix_hash(responder_static)

    def copy(self) -> "_Symmetric":
        """Return a copy with which a pre-shared key can be tried.

        The copy shares the cipher, so `copy` must be called before `seal`.
        """
        twin = object.__new__(_Symmetric)
        twin.hash, twin._chaining_key, twin._cipher = self.hash, self._chaining_key, self._cipher
        return twin

    def mix_hash(self, data: bytes) -> None:
        self.hash = sha256(self.hash + data).digest()

    def mix_key(self, material: bytes) -> None:
        self._chaining_key, key = _hkdf(self._chaining_key, material, 2)
        self._cipher = CipherState(key)

    def mix_key_and_hash(self, material: bytes) -> None:
        self._chaining_key, mixed, key = _hkdf(self._chaining_key, material, 3)
        self.mix_hash(mixed)
        self._cipher = CipherState(key)

    def mix_ephemeral(self, public: bytes) -> None:
        """Process the token `e` of a Noise pattern: mix the key `public` into the hash.

        Because of the PSK, it is mixed into the key too (section 9.2 of the Noise specification).
        """
        self.mix_hash(public)
        self.mix_key(public)

    def seal(self, plain: bytes) -> bytes:
        assert self._cipher is not None  # noqa: S101 - every message mixes a key in first
        sealed = self._cipher.seal(plain, self.hash)
        self.mix_hash(sealed)
        return sealed

    def open(self, sealed: bytes) -> bytes:
        """Decrypt part of a handshake message. Raises EncryptionError, and leaves the state unchanged then."""
        assert self._cipher is not None  # noqa: S101 - as above
        plain = self._cipher.open(sealed, self.hash)
        self.mix_hash(sealed)
        return plain

    def split(self) -> tuple[CipherState, CipherState]:
        """Return the two ciphers for the messages after the handshake: the initiator's, then the responder's."""
        initiators, responders = _hkdf(self._chaining_key, b"", 2)
        return CipherState(initiators), CipherState(responders)


def _hkdf(chaining_key: bytes, material: bytes, outputs: int) -> tuple[bytes, ...]:
    """Compute the HKDF of Noise, and return `outputs` keys (section 4.3 of the Noise specification)."""
    key, found, last = hmac.digest(chaining_key, material, "sha256"), list[bytes](), b""
    for number in range(1, outputs + 1):
        last = hmac.digest(key, last + bytes([number]), "sha256")
        found.append(last)
    return tuple(found)


class Initiator:
    """The phone's side of one handshake.

    `responder` is the agent's public static key. `ephemeral` is for tests; by default a key is generated.
    """

    def __init__(
        self, static: KeyPair, responder: bytes, psk: bytes, prologue: bytes, ephemeral: KeyPair | None = None
    ) -> None:
        self._static = static
        self._responder = responder
        self._psk = psk
        self._ephemeral = ephemeral or KeyPair.generate()
        self._state = _Symmetric(prologue, responder)

    def first(self, payload: bytes) -> bytes:
        """Return the first message (tokens e, es, s, ss, psk) with this payload.

        Call this once. Raises HandshakeFailed.
        """
        state, ephemeral = self._state, self._ephemeral
        state.mix_ephemeral(ephemeral.public)
        state.mix_key(ephemeral.exchange(self._responder))
        static = state.seal(self._static.public)
        state.mix_key(self._static.exchange(self._responder))
        state.mix_key_and_hash(self._psk)
        return ephemeral.public + static + state.seal(payload)

    def second(self, message: bytes) -> tuple[bytes, TransportState]:
        """Read the second message (tokens e, ee, se). Return its payload, and the ciphers for the following messages.

        Raises HandshakeFailed.
        """
        theirs = message[:KEY_BYTES]
        if len(theirs) != KEY_BYTES:
            raise HandshakeFailed(f"expected Noise's second message; found {len(message)} bytes")
        state = self._state
        state.mix_ephemeral(theirs)
        state.mix_key(self._ephemeral.exchange(theirs))
        state.mix_key(self._static.exchange(theirs))
        payload = _open(state, message[KEY_BYTES:])
        sending, receiving = state.split()
        return payload, TransportState(sending, receiving, state.hash)


class Responder:
    """The agent's side of one handshake, beginning with the initiator's first message.

    `initiator` is the static key in that message. Once `try_psk` succeeds, the message was made by a holder of this
    key. Only a later message of the peer shows that the first message was not a replay. The constructor raises
    HandshakeFailed.
    """

    def __init__(self, static: KeyPair, prologue: bytes, message: bytes) -> None:
        if not _FIRST_HEAD + TAG_BYTES <= len(message) <= MOST_BYTES:
            raise HandshakeFailed(f"expected Noise's first message; found {len(message)} bytes")
        self._theirs = message[:KEY_BYTES]
        self._payload = message[_FIRST_HEAD:]
        self._state = state = _Symmetric(prologue, static.public)
        state.mix_ephemeral(self._theirs)
        state.mix_key(static.exchange(self._theirs))
        self.initiator = _open(state, message[KEY_BYTES:_FIRST_HEAD])
        state.mix_key(static.exchange(self.initiator))

    def try_psk(self, psk: bytes) -> bytes | None:
        """Return the first message's payload if the message was made with this pre-shared key, otherwise None.

        If it was, the key is used from now on.
        """
        state = self._state.copy()
        state.mix_key_and_hash(psk)
        try:
            payload = state.open(self._payload)
        except EncryptionError:
            return None
        self._state = state
        return payload

    def second(self, payload: bytes, ephemeral: KeyPair | None = None) -> tuple[bytes, TransportState]:
        """Return the second message with this payload, and the ciphers for the following messages.

        Call it once, after `try_psk`. `ephemeral` is for tests; by default a key is generated.
        """
        state, ours = self._state, ephemeral or KeyPair.generate()
        state.mix_ephemeral(ours.public)
        state.mix_key(ours.exchange(self._theirs))
        state.mix_key(ours.exchange(self.initiator))
        message = ours.public + state.seal(payload)
        receiving, sending = state.split()
        return message, TransportState(sending, receiving, state.hash)


def _open(state: _Symmetric, sealed: bytes) -> bytes:
    try:
        return state.open(sealed)
    except EncryptionError:
        raise HandshakeFailed("expected a handshake with this key; found another key or modified data") from None
