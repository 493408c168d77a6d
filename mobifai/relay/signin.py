"""Sign-in of devices: invitations, tokens, and the decision about which device has access to which account.

`SignIn` owns the accounts and the counts of failed attempts, and keeps its decisions in the store. It has no access to
connections: `Relay.revoke` disconnects a device that is revoked.
"""

import secrets
import time
from collections.abc import Callable, Set
from dataclasses import dataclass, replace

from mobifai.bounds import Ledger
from mobifai.clocks import elapsed, iso_time
from mobifai.database import WriteFailed
from mobifai.errors import SignInRefused
from mobifai.protocol import messages
from mobifai.protocol.codes import CODE_SECONDS, Attempts, ClientKind, DeviceType, Grant, is_secret
from mobifai.protocol.features import E2E
from mobifai.relay.accounts import Account, Accounts
from mobifai.relay.sign_in_errors import (
    AGENT_KINDS,
    BELONGS_TO_ENCRYPTED,
    ENCRYPTED_ONLY,
    ONE_AGENT,
    PHONE_KINDS,
    wrong_code,
    wrong_kind,
)
from mobifai.relay.store import OWNER, RelayStore, StoredDevice
from mobifai.relay.tokens import TOKEN_SECONDS, Claims, Tokens


@dataclass(frozen=True, slots=True)
class IssuedInvitation:
    """An invitation: one new client can sign in once, by its code or by its token. `expires_at` is ISO 8601, UTC."""

    account: str
    kind: ClientKind
    token: str
    code: str
    expires_at: str


class SignIn:
    """Authenticates devices. `now` returns seconds since the epoch; short periods are measured with `monotonic`.

    A `shared` relay has several accounts, to which agents sign in. A relay that is not shared has one account, and one
    agent in this process. `pick` chooses the characters of codes, and `new_id` makes the ids of invitations.
    """

    def __init__(
        self,
        store: RelayStore,
        tokens: Tokens,
        ledger: Ledger,
        *,
        shared: bool = False,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = elapsed,
        pick: Callable[[str], str] = secrets.choice,
        new_id: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self._store = store
        self._tokens = tokens
        self._now = now
        self._monotonic = monotonic
        self._new_id = new_id
        self._attempts = Attempts(ledger)
        self.shared = shared
        self.accounts = Accounts(store, ledger, pick, now, monotonic, shared=shared)

    def close(self) -> None:
        """Close the ledger entries of all accounts."""
        self.accounts.close()

    # -- new devices

    def invite(self, kind: ClientKind, account: str = OWNER) -> IssuedInvitation:
        """Create an invitation of one client of this kind to an account. It is valid for 10 minutes.

        Raises AccountError for an unknown account, SignInRefused for an agent if the relay is not shared.
        """
        if kind is ClientKind.AGENT and not self.shared:
            raise SignInRefused(ONE_AGENT)
        host = self.accounts.require(account)
        grant = host.codes.issue(self._new_id(), kind, self._monotonic())
        expires_at = self._now() + CODE_SECONDS
        if kind is ClientKind.AGENT:
            self._store.put_grant(host.name, replace(grant, expires_at=expires_at), self._now())
        token = self._issue(host, kind.device_type, grant.grant_id)
        return IssuedInvitation(host.name, kind, token, grant.code, iso_time(expires_at))

    def redeem(
        self, code: str, device_id: str, kind: DeviceType, address: str, wanted: Set[ClientKind] | None = None
    ) -> messages.Authenticated:
        """Redeem an invitation's code for a device. Return the device's token and user.

        `kind` is the device's type, and `address` its network address. `wanted` are the kinds of invitation that this
        client can use. A code of another kind remains valid.

        Raises SignInRefused, or TooManyAttempts if too many sign-ins from the address failed.
        """
        if not is_secret(code):
            self._attempts.check(address, self._monotonic())
        self._require_agents(kind)
        wanted = (AGENT_KINDS if kind == "mac" else PHONE_KINDS) if wanted is None else wanted
        found = self.accounts.find(code, self._monotonic())
        if found is None:
            self.record_failure(address)
            raise SignInRefused(wrong_code(code, wanted))
        account, grant = found
        self._require_kind(grant, wanted)
        self._require_room(account, device_id, grant.kind)
        token = self._admit(account, device_id, grant.kind, grant.grant_id)
        account.codes.use(grant)
        return messages.Authenticated(token=token, user=account.user)

    def agent_token(self, device_id: str, name: str) -> str:
        """Return a token for the agent of this process, without a code. Its earlier tokens become invalid."""
        return self._admit(self.accounts.owner, device_id, ClientKind.AGENT, self._new_id(), name, own=True)

    def _require_agents(self, kind: DeviceType) -> None:
        if kind == "mac" and not self.shared:
            raise SignInRefused(ONE_AGENT)

    @staticmethod
    def _require_kind(grant: Grant, wanted: Set[ClientKind]) -> None:
        if grant.kind not in wanted:
            raise SignInRefused(wrong_kind(grant.kind, wanted))

    def _require_room(self, account: Account, device_id: str, kind: ClientKind) -> None:
        known = self._store.device(account.name, device_id)
        is_new = known is None or known.revoked_at is not None
        if known is not None and not is_new:
            if known.type != kind.device_type:
                raise SignInRefused("expected an unused deviceId; this one belongs to another kind of device")
            if known.kind is ClientKind.E2E and kind is ClientKind.LEGACY:
                raise SignInRefused(BELONGS_TO_ENCRYPTED)
        if is_new and account.devices.room == 0:
            refused = account.devices.refuse("one more device")
            raise SignInRefused(f"{refused}; revoke a device that is no longer used")

    def _admit(
        self,
        account: Account,
        device_id: str,
        kind: ClientKind,
        token_id: str,
        name: str = "",
        *,
        own: bool = False,
    ) -> str:
        now = self._now()
        known = self._store.device(account.name, device_id)
        device = StoredDevice(account.name, device_id, kind.device_type, kind, name, "", token_id, now, now)
        if known is not None and known.revoked_at is None:
            device = replace(device, created_at=known.created_at, name=name or known.name, public_key=known.public_key)
        if own:
            self._store.put_best_effort(device)
        else:
            self._put(device)
        account.count_devices()
        return self._issue(account, kind.device_type, token_id)

    def _put(self, device: StoredDevice) -> None:
        try:
            self._store.put(device)
        except WriteFailed as error:
            raise SignInRefused(f"no new device can sign in now: {error}") from None

    def _issue(self, account: Account, kind: DeviceType, token_id: str) -> str:
        user = account.user
        return self._tokens.issue(
            user_id=user.id, email=user.email, name=user.name, kind=kind, token_id=token_id, now=self._now()
        )

    # -- devices that come back

    def authenticate(
        self, register: messages.Register, address: str = "", *, in_process: bool = False
    ) -> messages.Authenticated | None:
        """Authenticate a device that registers. Return its renewed token and its user.

        Return None if the device has no token, and has to sign in first. Raises SignInRefused for a device without
        access. A valid token is accepted even if too many sign-ins from `address` failed, since it can't be a guess.
        `in_process` says whether the device is in this process.
        """
        if not in_process:
            self._require_agents(register.type)
        if register.token is None:
            return None
        try:
            claims = self._tokens.read(register.token)
            account = self._bind(claims, register, in_process=in_process)
        except SignInRefused:
            self.record_failure(address)
            raise
        name = register.device_name or ""
        self._store.record_sign_in(account.name, register.device_id, name, register.public_key, self._now())
        return messages.Authenticated(token=self._issue(account, claims.type, claims.jti), user=account.user)

    def _bind(self, claims: Claims, register: messages.Register, *, in_process: bool) -> Account:
        """Return the account of a device that registers. If its token is that of an invitation, redeem the invitation.

        Raises SignInRefused unless the token belongs to this device.
        """
        if claims.type != register.type:
            raise SignInRefused(
                f"expected a device of type {claims.type} with this token; found type {register.type}; sign in again"
            )
        account = self.accounts.get(claims.id)
        if account is None:
            raise SignInRefused("the account of this token is not on this relay; sign in again")
        device = self._store.by_token(claims.jti)
        if device is None:
            self._claim(account, claims.jti, register)
        elif device.revoked_at is not None:
            raise SignInRefused("this device was revoked; `mobifai pair` invites it again")
        elif device.device_id != register.device_id:
            raise SignInRefused("this token belongs to another device; `mobifai pair` makes one for this device")
        else:
            if not in_process:
                self._require_fresh(claims, device)
            self._require_encryption(device.kind, register)
            if device.kind is ClientKind.UNKNOWN and E2E in register.features:
                self._store.put_best_effort(replace(device, kind=ClientKind.E2E))
        return account

    def _require_fresh(self, claims: Claims, device: StoredDevice) -> None:
        """Raise SignInRefused for an expired token.

        An agent's token expires TOKEN_SECONDS after the agent was last connected, not after the token was issued: a
        connection may last for months, and nobody may be there to sign the agent in again.

        On the built-in relay, the token of a client that encrypts does not expire, whatever the clock is set to. The
        agent recognizes that client by its key, and the token is useless without the key.
        """
        if self.shared or device.kind is not ClientKind.E2E:
            now = self._now()
            if device.kind is not ClientKind.AGENT or not 0 <= now - device.last_seen < TOKEN_SECONDS:
                self._tokens.check_time(claims, now)

    def record_connected(self, account: str, device_id: str) -> None:
        """Store that a device is connected at present."""
        self._store.record_connected(account, device_id, self._now())

    def _claim(self, account: Account, grant_id: str, register: messages.Register) -> None:
        """Redeem an invitation, by its token, for a device that registers."""
        grant = account.codes.get(grant_id, self._monotonic())
        if grant is None:
            raise SignInRefused("this token was never used and is no longer valid; `mobifai pair` makes a new one")
        self._require_encryption(grant.kind, register)
        self._require_room(account, register.device_id, grant.kind)
        self._admit(account, register.device_id, grant.kind, grant_id)
        account.codes.use(grant)

    @staticmethod
    def _require_encryption(kind: ClientKind, register: messages.Register) -> None:
        if kind is ClientKind.E2E and E2E not in register.features:
            raise SignInRefused(ENCRYPTED_ONLY)

    def allows_unencrypted(self, device_id: str) -> bool:
        """Return whether a device of the relay's owner is a phone that was invited as a legacy app."""
        device = self._store.device(OWNER, device_id)
        kinds = (ClientKind.LEGACY, ClientKind.UNKNOWN)
        return device is not None and device.revoked_at is None and device.kind in kinds and device.type == "mobile"

    def identify(self, token: str, address: str = "") -> StoredDevice:
        """Return the device to which a request's token belongs. Raises SignInRefused if the token is not valid.

        A failure is counted for the network address `address`.
        """
        try:
            return self._holder(self._tokens.read(token))
        except SignInRefused:
            self.record_failure(address)
            raise

    def _holder(self, claims: Claims) -> StoredDevice:
        device = self._store.by_token(claims.jti)
        if device is not None and device.type == "mac" and not self.shared:
            raise SignInRefused(
                "this relay can only be managed with `mobifai pair` and `mobifai devices` on its own machine"
            )
        if device is None or device.revoked_at is not None or self.accounts.get(device.user_id) is None:
            raise SignInRefused(
                "this token is not valid: it was not used to register yet, was replaced, or was revoked"
            )
        self._require_fresh(claims, device)
        return device

    # -- failed attempts

    def check(self, address: str) -> None:
        """Raise TooManyAttempts if too many attempts to sign in from an address failed in the last minute."""
        self._attempts.check(address, self._monotonic())

    def record_failure(self, address: str) -> None:
        """Count a failed attempt to sign in from an address."""
        self._attempts.failed(address, self._monotonic())

    # -- an account's devices

    def devices(self, account: str = OWNER) -> list[StoredDevice]:
        """Return the paired devices of an account, oldest first."""
        return self._store.devices(account)

    def revoke(self, device_id: str, account: str = OWNER) -> None:
        """Reject a device's token from now on. `Relay.revoke` also disconnects the device.

        Raises SignInRefused for an unknown device.
        """
        host = self.accounts.require(account)
        if not self._store.revoke(host.name, device_id, self._now(), keep=host.devices.capacity):
            raise SignInRefused(
                "expected the id of a paired device; found another one; `mobifai devices list` lists the ids"
            )
        host.count_devices()
