"""Invitations: each admits one client of one kind, once, within ten minutes.

A grant is an unused invitation. A client redeems it either by its code or by its token. Codes that people type are
short, so failed attempts are limited for each address. The code in a link is a long secret that can't be guessed, and
needs no such limit. Times are in seconds of a clock that the caller chooses.
"""

import hmac
import ipaddress
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from mobifai.bounds import BoundedMap, Ledger
from mobifai.errors import TooManyAttempts
from mobifai.limits import RELAY_ATTEMPTS, RELAY_CODES

CODE_SECONDS = 600
ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""The characters of codes. 0, O, 1, I and L are missing, because people read a code from one screen and type it on
another."""
CODE_LENGTH = 8
SECRET_LENGTH = 26
"""The number of characters of the code in a link, which gives 128 bits."""

ATTEMPTS_PER_MINUTE = 10
"""The number of failed sign-ins that are allowed for one address per minute. People mistype once or twice."""
SITE_ATTEMPTS_PER_MINUTE = 40
"""The number of failed sign-ins per minute that are allowed for an IPv6 /48, the largest network that a provider
assigns to one customer."""

DeviceType = Literal["mac", "mobile"]


class ClientKind(StrEnum):
    """The kind of client that an invitation is for."""

    AGENT = "agent"
    E2E = "e2e"
    """A client that encrypts end to end: the phone page."""
    LEGACY = "legacy"
    """A legacy app, which does not encrypt."""
    UNKNOWN = ""
    """A phone that was invited by an older version, which did not store the kind. No new invitation has this kind."""

    @property
    def device_type(self) -> DeviceType:
        """The device type with which a client of this kind registers at the relay."""
        return "mac" if self is ClientKind.AGENT else "mobile"


@dataclass(frozen=True, slots=True)
class Grant:
    """Permission for one new client of a kind to sign in, until `expires_at`."""

    grant_id: str
    kind: ClientKind
    code: str
    expires_at: float


class Codes:
    """The unused grants of one account. `pick` returns a random character of a string."""

    def __init__(self, ledger: Ledger, pick: Callable[[str], str]) -> None:
        self._ledger = ledger
        self._bound = ledger.open(RELAY_CODES)
        self._grants: BoundedMap[str, Grant] = BoundedMap(self._bound)
        self._pick = pick

    def __len__(self) -> int:
        return len(self._grants)

    def close(self) -> None:
        """Delete all grants, and close their entry in the ledger."""
        self._grants.clear()
        self._ledger.close(self._bound)

    def issue(self, grant_id: str, kind: ClientKind, now: float) -> Grant:
        """Create and return a grant.

        If there are too many, it replaces the oldest of its kind, or else the oldest of all.
        """
        self._forget_old(now)
        grant = Grant(grant_id, kind, self._new_code(kind), now + CODE_SECONDS)
        self._make_room(kind)
        self._grants[grant_id] = grant
        return grant

    def restore(self, grant: Grant) -> None:
        """Add a grant that was stored before the relay started."""
        self._grants[grant.grant_id] = grant

    def _new_code(self, kind: ClientKind) -> str:
        if kind is ClientKind.E2E:
            return "".join(self._pick(ALPHABET) for _ in range(SECRET_LENGTH))
        code = "".join(self._pick(ALPHABET) for _ in range(CODE_LENGTH))
        return f"{code[:4]}-{code[4:]}"

    def _make_room(self, kind: ClientKind) -> None:
        if self._bound.room:
            return
        oldest = next((one.grant_id for one in self._grants.values() if one.kind is kind), None)
        if oldest is not None:
            del self._grants[oldest]
            self._bound.evicted(1)

    def find(self, typed: str, now: float) -> Grant | None:
        """Return the grant with this code, or None. Case, spaces and dashes are ignored."""
        self._forget_old(now)
        return next((grant for grant in self._grants.values() if _same(grant.code, typed)), None)

    def get(self, grant_id: str, now: float) -> Grant | None:
        """Return the grant with this id, or None. The token of an invitation contains the id of its grant."""
        self._forget_old(now)
        return self._grants.get(grant_id)

    def use(self, grant: Grant) -> None:
        """Delete a grant that a client has redeemed."""
        self._grants.pop(grant.grant_id, None)

    def _forget_old(self, now: float) -> None:
        for key, grant in list(self._grants.items()):
            if grant.expires_at <= now:
                del self._grants[key]


def _plain(code: str) -> str:
    return "".join(character for character in code.upper() if character.isalnum())


def _same(code: str, typed: str) -> bool:
    return hmac.compare_digest(_plain(code).encode(), _plain(typed).encode("utf-8", "replace"))


def is_secret(typed: str) -> bool:
    """Return whether `typed` has the length of a link's code. Codes that people type are shorter."""
    return len(_plain(typed)) == SECRET_LENGTH


class Attempts:
    """Counts the failed attempts of each address within a minute. `now` is in seconds of a monotonic clock."""

    def __init__(self, ledger: Ledger) -> None:
        self._failed: BoundedMap[str, tuple[float, int]] = BoundedMap(ledger.open(RELAY_ATTEMPTS))

    def check(self, address: str, now: float) -> None:
        """Raise TooManyAttempts if too many attempts from the network of `address` failed in the last minute."""
        for network, most in _networks(address):
            since, count = self._failed.get(network, (now, 0))
            if now - since < 60 and count >= most:
                raise TooManyAttempts("too many failed attempts from this address; wait a minute and try again")

    def failed(self, address: str, now: float) -> None:
        """Count a failed attempt from `address`."""
        for network, _ in _networks(address):
            since, count = self._failed.get(network, (now, 0))
            fresh = now - since >= 60
            self._failed[network] = (now, 1) if fresh else (since, count + 1)


def _networks(address: str) -> Iterator[tuple[str, int]]:
    """Yield the networks to which a failed attempt from `address` is counted, each with its limit per minute.

    For IPv4, this is the address alone. For IPv6, these are the /64, all of which one host can use, and the /48.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        parsed = None
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    if not isinstance(parsed, ipaddress.IPv6Address) or parsed.is_loopback:
        yield str(parsed or address), ATTEMPTS_PER_MINUTE
        return
    for length, most in ((64, ATTEMPTS_PER_MINUTE), (48, SITE_ATTEMPTS_PER_MINUTE)):
        yield str(ipaddress.ip_network((int(parsed), length), strict=False)), most
