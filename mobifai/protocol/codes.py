"""Pairing codes: short, for one use, for ten minutes, and locked after five wrong tries.

A code stands for a grant: one new device may come in, either with the code or with the grant's token. Whichever is used
first uses the grant up. Times are seconds since the epoch; `pick` chooses from an alphabet.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, replace

from mobifai.bounds import BoundedMap, Ledger
from mobifai.errors import SignInRefused
from mobifai.limits import RELAY_ATTEMPTS, RELAY_CODES

CODE_SECONDS = 600
WRONG_TRIES = 5
ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""No 0, O, 1, I or L: people read a code from one screen and type it on another."""
CODE_LENGTH = 8

ATTEMPTS_PER_MINUTE = 10
"""Failed sign-ins of one address in a minute; a person mistypes once or twice."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Leave for one new device, until `expires_at`."""

    grant_id: str
    code: str
    expires_at: float
    wrong_tries: int = 0

    @property
    def is_locked(self) -> bool:
        """Whether its code was guessed at too often. Its token is a secret that nobody can guess, and still good."""
        return self.wrong_tries >= WRONG_TRIES


class Codes:
    """The grants that wait to be used."""

    def __init__(self, ledger: Ledger, pick: Callable[[str], str]) -> None:
        self._grants: BoundedMap[str, Grant] = BoundedMap(ledger.open(RELAY_CODES))
        self._pick = pick

    def __len__(self) -> int:
        return len(self._grants)

    def issue(self, grant_id: str, now: float) -> Grant:
        """Make a grant. With too many of them waiting, the oldest is void."""
        self._forget_old(now)
        code = "".join(self._pick(ALPHABET) for _ in range(CODE_LENGTH))
        grant = Grant(grant_id, f"{code[:4]}-{code[4:]}", now + CODE_SECONDS)
        self._grants[grant_id] = grant
        return grant

    def redeem(self, typed: str, now: float) -> Grant:
        """Use a code up. Case, spaces and dashes don't matter. Raises SignInRefused."""
        self._forget_old(now)
        found = [grant for grant in self._grants.values() if _same(grant.code, typed) and not grant.is_locked]
        if not found:
            self._count_wrong_try()
            raise SignInRefused("this pairing code is wrong, used, expired or locked; `mobifai pair` shows a new one")
        del self._grants[found[0].grant_id]
        return found[0]

    def claim(self, grant_id: str, now: float) -> Grant:
        """Use a grant up by its token. Raises SignInRefused."""
        self._forget_old(now)
        grant = self._grants.pop(grant_id, None)
        if grant is None:
            raise SignInRefused("this token was never used and is void now; `mobifai pair` gives a new one")
        return grant

    def _count_wrong_try(self) -> None:
        for key, grant in list(self._grants.items()):
            tried = replace(grant, wrong_tries=grant.wrong_tries + 1)
            self._grants[key] = tried

    def _forget_old(self, now: float) -> None:
        for key, grant in list(self._grants.items()):
            if grant.expires_at <= now:
                del self._grants[key]


def _same(code: str, typed: str) -> bool:
    plain = "".join(character for character in typed.upper() if character.isalnum())
    return hmac.compare_digest(code.replace("-", "").encode(), plain.encode())


class Attempts:
    """How often each address failed within the last minute. `now` is in seconds of any monotonic clock."""

    def __init__(self, ledger: Ledger) -> None:
        self._failed: BoundedMap[str, tuple[float, int]] = BoundedMap(ledger.open(RELAY_ATTEMPTS))

    def check(self, address: str, now: float) -> None:
        """Raise SignInRefused while an address has failed too often."""
        since, count = self._failed.get(address, (now, 0))
        if now - since < 60 and count >= ATTEMPTS_PER_MINUTE:
            raise SignInRefused("too many failed attempts from this address; wait a minute and try again")

    def failed(self, address: str, now: float) -> None:
        """Count a failure."""
        since, count = self._failed.get(address, (now, 0))
        fresh = now - since >= 60
        self._failed[address] = (now, 1) if fresh else (since, count + 1)
