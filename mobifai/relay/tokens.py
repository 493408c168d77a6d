"""Tokens of the relay: JWTs with HS256 that are valid for 30 days.

The secret is 32 random bytes in the file `relay.key` of the state directory (mode 0600). `signin` decides whether a
token's device still has access.

Only tokens with exactly this relay's header are accepted, so a token can't choose its algorithm. Then the signature is
only a keyed hash of the token's text (RFC 7515, A.1). This module computes it without a JWT library: importing one
would take a third of the agent's start.
"""

import binascii
import hmac
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path

import msgspec

from mobifai.errors import SignInRefused
from mobifai.generated_file import GeneratedFile
from mobifai.limits import MAX_TOKEN
from mobifai.problems import Problems
from mobifai.protocol.codes import DeviceType

FILE = "relay.key"
SECRET_BYTES = 32
TOKEN_SECONDS = 30 * 24 * 3600

_FORM = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)", re.ASCII)


class Claims(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The claims of a token. `id` is the account's name, and `type` the device's type.

    `iat` and `exp`, when the token was issued and expires, are seconds since the epoch. `jti` identifies the token, and
    stays the same when the token is renewed.
    """

    id: str
    email: str
    name: str
    type: DeviceType
    jti: str
    iat: int
    exp: int


class Tokens:
    """Issues and verifies tokens."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def issue(self, *, user_id: str, email: str, name: str, kind: DeviceType, token_id: str, now: float) -> str:
        """Return a new token, which is valid for TOKEN_SECONDS from `now` on."""
        claims = Claims(user_id, email, name, kind, token_id, int(now), int(now) + TOKEN_SECONDS)
        signed = f"{_HEADER}.{_base64(msgspec.json.encode(claims))}"
        return f"{signed}.{self._signature(signed)}"

    def read(self, token: str, now: float | None = None) -> Claims:
        """Return a token's claims. Raises SignInRefused if this relay did not issue the token.

        If `now` is not None, also raises SignInRefused if the token has expired by then.
        """
        if len(token) > MAX_TOKEN:
            raise SignInRefused(f"expected a token of at most {MAX_TOKEN} characters; sign in again")
        try:
            claims = msgspec.json.decode(self._payload(token), type=Claims)
        except (binascii.Error, msgspec.MsgspecError, ValueError, RecursionError):
            raise SignInRefused("expected a token of this relay; found another one; sign in again") from None
        if now is not None:
            self.check_time(claims, now)
        return claims

    @staticmethod
    def check_time(claims: Claims, now: float) -> None:
        """Raise SignInRefused if a token has expired."""
        if claims.exp <= now:
            raise SignInRefused("this token has expired; sign in again")

    def _payload(self, token: str) -> bytes:
        """Return the signed payload. Raises ValueError for a token that this relay did not issue."""
        form = _FORM.fullmatch(token)
        if form is None or form[1] != _HEADER:
            raise ValueError("expected the header of this relay's tokens")
        if not hmac.compare_digest(form[3], self._signature(f"{form[1]}.{form[2]}")):
            raise ValueError("expected this relay's signature")
        return urlsafe_b64decode(form[2] + "=" * (-len(form[2]) % 4))

    def _signature(self, signed: str) -> str:
        return _base64(hmac.digest(self._secret, signed.encode(), "sha256"))


def _base64(data: bytes) -> str:
    """Return base64, URL-safe and without padding (RFC 7515, section 2)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


_HEADER = _base64(b'{"alg":"HS256","typ":"JWT"}')


def load_secret(
    state_dir: Path,
    random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    problems: Problems | None = None,
) -> bytes:
    """Return the secret in the state directory, or create it.

    A damaged file is renamed. If the file can't be read or written, the secret is valid until this process ends.
    """
    file = GeneratedFile(state_dir / FILE, problems or Problems(), "every device has to sign in again")
    return file.load(_checked, lambda: _with_content(random_bytes(SECRET_BYTES)))


def _checked(secret: bytes) -> bytes:
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"expected a secret of {SECRET_BYTES} bytes; found {len(secret)} bytes")
    return secret


def _with_content(secret: bytes) -> tuple[bytes, bytes]:
    return secret, secret
