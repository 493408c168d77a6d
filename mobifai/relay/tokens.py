"""Tokens of the relay: JWTs of HS256 that are good for 30 days.

Owns the secret, 32 random bytes in `relay.key` of the state directory (mode 0600). Whether a token's device may still
come in is for `signin` to say.

Only tokens with this relay's one header are read, so a token can't choose how it is checked. That leaves a keyed hash
over text (RFC 7515, A.1), which is made here: a library for every kind of token takes a third of the agent's start.
"""

import binascii
import hmac
import os
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from mobifai.errors import SignInRefused, StateError
from mobifai.limits import MAX_TOKEN

FILE = "relay.key"
SECRET_BYTES = 32
TOKEN_SECONDS = 30 * 24 * 3600

DeviceType = Literal["mac", "mobile"]

_FORM = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)", re.ASCII)


class Claims(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a token says. Times are seconds since the epoch; `jti` names the token for as long as it is renewed."""

    id: str
    email: str
    name: str
    type: DeviceType
    jti: str
    iat: int
    exp: int


class Tokens:
    """Make and read tokens."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def issue(self, *, user_id: str, email: str, name: str, kind: DeviceType, token_id: str, now: float) -> str:
        """Make a token that is good from now on."""
        claims = Claims(user_id, email, name, kind, token_id, int(now), int(now) + TOKEN_SECONDS)
        signed = f"{_HEADER}.{_base64(msgspec.json.encode(claims))}"
        return f"{signed}.{self._signature(signed)}"

    def read(self, token: str, now: float) -> Claims:
        """What a token says. Raises SignInRefused when it is not this relay's, or its time is over."""
        if len(token) > MAX_TOKEN:
            raise SignInRefused(f"expected a token of at most {MAX_TOKEN} characters; sign in again")
        try:
            claims = msgspec.json.decode(self._payload(token), type=Claims)
        except (binascii.Error, msgspec.MsgspecError, ValueError, RecursionError):
            raise SignInRefused("expected a token of this relay; found another; sign in again") from None
        if claims.exp <= now:
            raise SignInRefused("this token has expired; sign in again")
        return claims

    def _payload(self, token: str) -> bytes:
        """What is signed. Raises ValueError for a token that this relay did not make."""
        form = _FORM.fullmatch(token)
        if form is None or form[1] != _HEADER:
            raise ValueError("expected the header of this relay's tokens")
        if not hmac.compare_digest(form[3], self._signature(f"{form[1]}.{form[2]}")):
            raise ValueError("expected this relay's signature")
        return urlsafe_b64decode(form[2] + "=" * (-len(form[2]) % 4))

    def _signature(self, signed: str) -> str:
        return _base64(hmac.digest(self._secret, signed.encode(), "sha256"))


def _base64(data: bytes) -> str:
    """URL-safe and without padding (RFC 7515, section 2)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


_HEADER = _base64(b'{"alg":"HS256","typ":"JWT"}')


def load_secret(state_dir: Path, random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> bytes:
    """Read the secret, or make it the first time. Raises StateError."""
    path = state_dir / FILE
    try:
        if not path.exists():
            _write_atomically(path, random_bytes(SECRET_BYTES))
        path.chmod(0o600)
        secret = path.read_bytes()
    except OSError as error:
        raise StateError(f"expected the relay's secret at {path}; it can't be read or made: {error}") from error
    if len(secret) != SECRET_BYTES:
        raise StateError(
            f"expected {SECRET_BYTES} bytes in {path}; found {len(secret)}; remove it, and every device signs in anew"
        )
    return secret


def _write_atomically(path: Path, data: bytes) -> None:
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
