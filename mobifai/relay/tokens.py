"""Tokens of the relay: JWTs of HS256 that are good for 30 days.

Owns the secret, 32 random bytes in `relay.key` of the state directory (mode 0600). Whether a token's device may still
come in is for `signin` to say.
"""

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import jwt
import msgspec

from mobifai.errors import SignInRefused, StateError
from mobifai.limits import MAX_TOKEN

FILE = "relay.key"
SECRET_BYTES = 32
TOKEN_SECONDS = 30 * 24 * 3600

DeviceType = Literal["mac", "mobile"]


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
        return jwt.encode(msgspec.to_builtins(claims), self._secret, algorithm="HS256")

    def read(self, token: str, now: float) -> Claims:
        """What a token says. Raises SignInRefused when it is not this relay's, or its time is over."""
        if len(token) > MAX_TOKEN:
            raise SignInRefused(f"expected a token of at most {MAX_TOKEN} characters; sign in again")
        try:
            # The clock is ours to give, so the time is compared below.
            options: jwt.types.Options = {"verify_exp": False, "verify_iat": False}
            found = jwt.decode(token, self._secret, algorithms=["HS256"], options=options)
            claims = msgspec.convert(found, Claims)
        except (jwt.PyJWTError, msgspec.ValidationError, ValueError, RecursionError):
            raise SignInRefused("expected a token of this relay; found another; sign in again") from None
        if claims.exp <= now:
            raise SignInRefused("this token has expired; sign in again")
        return claims


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
