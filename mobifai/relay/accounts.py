"""The accounts of a relay. Each has its own devices, invitations and settings, and can't see those of others.

An account owns its open invitations and its entries in the ledger. The built-in relay of `mobifai serve` has only the
account `owner`. A standalone relay may have more.
"""

import getpass
import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace

from mobifai.bounds import BoundedMap, Ledger
from mobifai.errors import AccountError
from mobifai.limits import RELAY_ACCOUNTS, RELAY_DEVICES, RELAY_SETTINGS
from mobifai.protocol import messages
from mobifai.protocol.codes import CODE_SECONDS, Codes, Grant
from mobifai.relay.store import OWNER, RelayStore

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}", re.ASCII)


def check_name(name: str) -> None:
    """Raise AccountError if this is not a valid account name."""
    if not _NAME.fullmatch(name):
        raise AccountError(
            "expected an account name of 1 to 32 lower-case letters, digits, dots, hyphens or underscores that begins "
            f"with a letter or a digit; found {name[:100]!r}"
        )


class Account:
    """One account. `user` describes it to devices, and `codes` are its open invitations.

    `devices` and `settings` are its entries in the ledger.
    """

    def __init__(self, name: str, store: RelayStore, ledger: Ledger, pick: Callable[[str], str]) -> None:
        self._ledger = ledger
        self._store = store
        shown = _login_name() if name == OWNER else name
        self.user = messages.User(id=name, email=f"{name}@{socket.gethostname()}", name=shown)
        self.codes = Codes(ledger, pick)
        self.devices = ledger.open(RELAY_DEVICES)
        self.settings = ledger.open(RELAY_SETTINGS)
        self.settings.set(len(store.settings(name).encode()))
        self.count_devices()

    @property
    def name(self) -> str:
        """The account's name, which is its key in the store."""
        return self.user.id

    def count_devices(self) -> None:
        """Record the account's number of paired devices in the ledger."""
        self.devices.set(self._store.count(self.name))

    def close(self) -> None:
        """Cancel the account's invitations, and close its ledger entries."""
        self.codes.close()
        self._ledger.close(self.devices)
        self._ledger.close(self.settings)


class Accounts:
    """All accounts of a relay. Without `shared`, accounts in the store other than `owner` are ignored.

    `pick` chooses the characters of codes. `now` returns seconds since the epoch, `monotonic` those of a monotonic
    clock.
    """

    def __init__(
        self,
        store: RelayStore,
        ledger: Ledger,
        pick: Callable[[str], str],
        now: Callable[[], float],
        monotonic: Callable[[], float],
        *,
        shared: bool,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._pick = pick
        self._now = now
        self._monotonic = monotonic
        self._bound = ledger.open(RELAY_ACCOUNTS)
        self._accounts: BoundedMap[str, Account] = BoundedMap(self._bound)
        for name in store.accounts() if shared else [OWNER]:
            self._open(name)

    def _open(self, name: str) -> Account:
        account = self._accounts[name] = Account(name, self._store, self._ledger, self._pick)
        now = self._now()
        for grant in self._store.grants(name, now):
            left = min(grant.expires_at - now, CODE_SECONDS)  # the clock may have been set in between
            account.codes.restore(replace(grant, expires_at=self._monotonic() + left))
        return account

    def __iter__(self) -> Iterator[Account]:
        return iter(list(self._accounts.values()))

    def __len__(self) -> int:
        return len(self._accounts)

    @property
    def owner(self) -> Account:
        """The account that every relay has."""
        return self._accounts[OWNER]

    def get(self, name: str) -> Account | None:
        """Return the account with this name, or None."""
        return self._accounts.get(name)

    def require(self, name: str) -> Account:
        """Return the account with this name. Raises AccountError if there is none."""
        check_name(name)
        account = self.get(name)
        if account is None:
            raise AccountError(f"there is no account {name!r}; `mobifai relay account list` lists all accounts")
        return account

    def find(self, code: str, now: float) -> tuple[Account, Grant] | None:
        """Return the account to which a code invites, and the code's grant; None if the code is not valid.

        `now` is in seconds of the monotonic clock.
        """
        for account in self:
            grant = account.codes.find(code, now)
            if grant is not None:
                return account, grant
        return None

    def add(self, name: str) -> Account:
        """Add an account. Raises AccountError if the name is invalid or taken, LimitReached if there are too many."""
        check_name(name)
        if name in self._accounts:
            raise AccountError(
                f"the account {name!r} already exists; `mobifai relay account invite {name}` invites an agent to it"
            )
        if not self._bound.room:
            raise self._bound.refuse("one more account")
        self._store.put_account(name, self._now())
        return self._open(name)

    def remove(self, name: str) -> None:
        """Remove an account with its devices, invitations and settings.

        Raises AccountError if there is no such account, or if it is `owner`.
        """
        if name == OWNER:
            raise AccountError(
                f"the account {OWNER!r} is the relay's own and can't be removed; `mobifai devices revoke ID` removes a "
                "device of it"
            )
        account = self.require(name)
        self._store.remove_account(name)
        del self._accounts[name]
        account.close()

    def close(self) -> None:
        """Cancel the invitations of all accounts, and close all ledger entries."""
        for account in self:
            account.close()
        self._ledger.close(self._bound)


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a user of a container may have no name
        return OWNER
