"""The phones that the agent knows by their end-to-end keys: pinned keys, revoked keys, and unused invitation links.

Owns `phones.json` in the state directory (mode 0600, replaced as a whole) and the secrets of invitation links. The
secrets are kept in memory only, so a restart makes all links invalid. See `protocol.e2e.Trust`.
"""

import logging
import secrets
import time
from collections.abc import Callable, Iterator

import msgspec

from mobifai.bounds import BoundedMap, Ledger
from mobifai.clocks import elapsed
from mobifai.errors import StateError
from mobifai.files import read_whole, set_aside
from mobifai.limits import E2E_LINKS, E2E_PHONES, E2E_REVOKED
from mobifai.protocol.e2e import LINK_SECONDS, SECRET_BYTES, KeyStatus, link_psk
from mobifai.state import StateDir, write_secret

_log = logging.getLogger(__name__)

KEPT_SECONDS = 60.0
"""The minimum interval, in seconds, between two writes of `phones.json` that change only a phone's `last_used`. A crash
loses the values of `last_used` that are not written yet."""


class PinnedPhone(msgspec.Struct, frozen=True):
    """A phone whose key is pinned. `key` is its public key in hex; times are in seconds since the epoch."""

    key: str
    device_id: str
    name: str
    created: float
    last_used: float


class _File(msgspec.Struct, frozen=True):
    phones: tuple[PinnedPhone, ...] = ()
    revoked: tuple[tuple[str, str], ...] = ()
    """Pairs of a revoked key in hex and its device's id, oldest first."""


class KnownPhones:
    """The public keys of phones, and the invitation links, that the agent accepts. Implements `protocol.e2e.Trust`.

    `now` returns seconds since the epoch, and `monotonic` seconds of a clock that never goes back. If only `now` is
    given, it serves as both.
    """

    def __init__(
        self,
        state: StateDir,
        ledger: Ledger,
        now: Callable[[], float] | None = None,
        monotonic: Callable[[], float] | None = None,
    ) -> None:
        self._path = state.phones
        self._now = now or time.time
        self._monotonic = monotonic or now or elapsed
        self._ledger = ledger
        self._bounds = (ledger.open(E2E_PHONES), ledger.open(E2E_REVOKED), ledger.open(E2E_LINKS))
        self._pinned: BoundedMap[str, PinnedPhone] = BoundedMap(self._bounds[0])
        self._revoked: BoundedMap[str, str] = BoundedMap(self._bounds[1])
        self._links: BoundedMap[bytes, float] = BoundedMap(self._bounds[2])
        self._kept_at = float("-inf")
        self._changed = False
        self._problems = state.problems
        self._may_write = True
        self._load()

    def close(self) -> None:
        """Write changes that are not yet in `phones.json`, and close this object's entries in the ledger."""
        if self._changed:
            self._keep_if_possible()
        for bound in self._bounds:
            self._ledger.close(bound)

    # -- the file

    def _load(self) -> None:
        found = self._read()
        newest = sorted(found.phones, key=lambda phone: phone.last_used, reverse=True)
        if len(newest) > self._bounds[0].capacity:
            _log.warning(
                "%s lists more phones than e2e.phones allows (%d); the least recently used ones have to pair again",
                self._path,
                self._bounds[0].capacity,
            )
        for phone in newest[: self._bounds[0].capacity]:
            self._pinned[phone.key] = phone
        for key, device_id in found.revoked:
            self._revoked[key] = device_id

    def _read(self) -> _File:
        try:
            return msgspec.json.decode(read_whole(self._path), type=_File)
        except FileNotFoundError:
            return _File()
        except OSError as error:  # the file may be intact, so it is not replaced
            self._leave_alone(error)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            try:
                aside = set_aside(self._path)
                _log.warning(
                    "%s is damaged (%s) and was kept as %s; all phones have to pair again", self._path, error, aside
                )
            except OSError as stuck:
                self._leave_alone(stuck)
        return _File()

    def _leave_alone(self, why: OSError) -> None:
        """Report that `phones.json` can't be read, and stop writing to the file, whose content may still be intact."""
        self._may_write = False
        text = (
            f"{self._path} can't be read ({why}), so the agent does not know its phones and accepts no new ones; "
            "make the file readable, and run `mobifai restart`"
        )
        self._problems.report(self._path.name, text)

    def _keep(self) -> None:
        """Write all pinned and revoked keys to `phones.json`. Raises StateError."""
        if not self._may_write:
            raise StateError(f"{self._path} could not be read, so it is not overwritten")
        known = _File(tuple(self._pinned.values()), tuple(self._revoked.items()))
        self._changed = True
        write_secret(self._path, msgspec.json.encode(known))
        self._changed = False
        self._kept_at = self._monotonic()
        self._problems.clear(self._path.name)

    def _keep_if_possible(self) -> None:
        try:
            self._keep()
        except StateError as error:
            self._problems.report(self._path.name, f"the known phones can't be stored: {error}")

    # -- questions of a session (protocol.e2e.Trust)

    def key_status(self, key: bytes) -> KeyStatus:
        """Return whether the public key of a phone is pinned, revoked or unknown."""
        if key.hex() in self._pinned:
            return KeyStatus.PINNED
        return KeyStatus.REVOKED if key.hex() in self._revoked else KeyStatus.UNKNOWN

    def psks(self) -> tuple[bytes, ...]:
        """Return the pre-shared keys of the invitation links that are valid now, newest first."""
        oldest = self._monotonic() - LINK_SECONDS
        for psk, made in list(self._links.items()):
            if made <= oldest:
                del self._links[psk]
        return tuple(self._links)[::-1]

    def rejection_reason(self, key: bytes, device_id: str) -> str | None:
        """Return why the key of this phone can't be pinned, as a sentence for its user, or None if it can be pinned.

        For a new phone, this writes `phones.json`: a phone is only accepted if its key can be stored.
        """
        known = key.hex() in self._pinned or self.is_pinned(device_id)
        if known:
            return None
        if not self._bounds[0].room:
            return f"{self._bounds[0].refuse('one more phone')}; run `mobifai devices revoke ID` for unused ones"
        try:
            self._keep()  # a phone that the next start would not know is not accepted
        except StateError as error:
            return f"no new phone can be accepted now: {error}"
        return None

    # -- links

    def new_secret(self) -> bytes:
        """Create and return the secret of a new invitation link.

        If too many links are unused, the oldest one becomes invalid.
        """
        secret = secrets.token_bytes(SECRET_BYTES)
        self._links[link_psk(secret)] = self._monotonic()
        return secret

    # -- phones

    def __iter__(self) -> Iterator[PinnedPhone]:
        return iter(list(self._pinned.values()))

    def is_pinned(self, device_id: str) -> bool:
        """Return whether a device has a pinned key."""
        return any(phone.device_id == device_id for phone in self._pinned.values())

    def is_revoked(self, device_id: str) -> bool:
        """Return whether a key of this device was revoked, and none is pinned now."""
        return device_id in self._revoked.values() and not self.is_pinned(device_id)

    def came(self, key: bytes, device_id: str, name: str, psk: bytes | None) -> None:
        """Pin the key of a phone that has connected, and record the time of the connection.

        If `psk` is given, the invitation link with that pre-shared key becomes invalid. A device has one key: pinning a
        new key removes the old one. Raises LimitReached if too many keys are pinned. If the change can't be stored,
        that is reported as a problem in the agent's status.
        """
        now, digits = self._now(), key.hex()
        known = self._pinned.get(digits)
        if psk is not None:
            self._links.pop(psk, None)
        others = [one.key for one in self if one.device_id == device_id and one.key != digits]
        for other in others:
            del self._pinned[other]
        self._revoked.pop(digits, None)
        phone = PinnedPhone(digits, device_id, name, known.created if known else now, now)
        self._pinned[phone.key] = phone
        self._changed = True
        same = known is not None and (known.device_id, known.name) == (device_id, name) and not others
        if not same or self._monotonic() - self._kept_at >= KEPT_SECONDS:
            self._keep_if_possible()

    def revoke(self, device_id: str) -> bool:
        """Revoke the keys of a phone. Return False if there was nothing to revoke or to store.

        Raises StateError if the revocation can't be stored. The revocation is then valid until this process ends, and
        another call tries again to store it.
        """
        found = [phone.key for phone in self._pinned.values() if phone.device_id == device_id]
        for key in found:
            del self._pinned[key]
            self._revoked.pop(key, None)
            self._revoked[key] = device_id
        is_due = bool(found) or (self._changed and device_id in self._revoked.values())
        if is_due:
            self._keep()
        return is_due
