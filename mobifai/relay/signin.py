"""Signing in: who may come in to the one account of this relay.

Owns the grants that wait (codes), the failed attempts and the tokens; what it decides is kept in the store. It knows
nothing of sockets: that a device leaves when it is shut out is for the relay to see to.
"""

import getpass
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import urlencode

from mobifai.bounds import Ledger
from mobifai.database import NotKept
from mobifai.errors import SignInRefused
from mobifai.limits import RELAY_DEVICES
from mobifai.protocol import messages as wire
from mobifai.protocol.codes import Attempts, Codes
from mobifai.relay.store import Store, StoredDevice
from mobifai.relay.tokens import Claims, DeviceType, Tokens

OWNER = "owner"


@dataclass(frozen=True, slots=True)
class Invitation:
    """One new phone's way in: by code or by token, whichever is used first. `expires_at` is ISO 8601, UTC."""

    token: str
    code: str
    expires_at: str


class SignIn:
    """Let devices in. `now` gives seconds since the epoch; `monotonic` counts the minute of failed attempts."""

    def __init__(
        self,
        store: Store,
        tokens: Tokens,
        ledger: Ledger,
        *,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        pick: Callable[[str], str] = secrets.choice,
        new_id: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self._store = store
        self._tokens = tokens
        self._now = now
        self._monotonic = monotonic
        self._new_id = new_id
        self._codes = Codes(ledger, pick)
        self._attempts = Attempts(ledger)
        self._devices = ledger.open(RELAY_DEVICES)
        self._devices.set(store.count(OWNER))
        self._ledger = ledger
        self.user = wire.User(id=OWNER, email=f"{OWNER}@{socket.gethostname()}", name=_login_name())

    def close(self) -> None:
        """Close its account in the ledger."""
        self._ledger.close(self._devices)

    # -- new devices

    def invite(self) -> Invitation:
        """Make leave for one new device, for ten minutes. The token is a phone's; with the code an agent may come."""
        grant = self._codes.issue(self._new_id(), self._now())
        return Invitation(self._issue("mobile", grant.grant_id), grant.code, iso_time(grant.expires_at))

    def redeem(self, code: str, device_id: str, kind: DeviceType, address: str) -> str:
        """Use a code up: the token of the device that it lets in. Raises SignInRefused."""
        self.check(address)
        self._require_room(device_id, kind)
        try:
            grant = self._codes.redeem(code, self._now())
        except SignInRefused:
            self.failed(address)
            raise
        return self._admit(device_id, kind, grant.grant_id)

    def agent_token(self, device_id: str, name: str) -> str:
        """Let the agent of this process in, without a code. Its tokens of before are void."""
        self._require_room(device_id, "mac")
        return self._admit(device_id, "mac", self._new_id(), name, own=True)

    def _require_room(self, device_id: str, kind: DeviceType) -> None:
        known = self._store.device(device_id)
        is_new = known is None or known.revoked_at is not None
        if known is not None and not is_new and known.type != kind:
            raise SignInRefused("this deviceId is in use by another kind of device; expected one of its own")
        if is_new and self._devices.room == 0:
            refused = self._devices.refuse("one more device")
            raise SignInRefused(f"{refused}; revoke one that is not used any more")

    def _admit(self, device_id: str, kind: DeviceType, token_id: str, name: str = "", *, own: bool = False) -> str:
        now = self._now()
        known = self._store.device(device_id)
        device = StoredDevice(device_id, OWNER, kind, name, "", token_id, now, now)
        if known is not None and known.revoked_at is None:
            device = replace(device, created_at=known.created_at, name=name or known.name, public_key=known.public_key)
        if own:
            self._store.put_own(device)
        else:
            self._put(device)
        self._devices.set(self._store.count(OWNER))
        return self._issue(kind, token_id)

    def _put(self, device: StoredDevice) -> None:
        try:
            self._store.put(device)
        except NotKept as error:
            raise SignInRefused(f"no new device can be let in now: {error}") from None

    def _issue(self, kind: DeviceType, token_id: str) -> str:
        user = self.user
        return self._tokens.issue(
            user_id=user.id, email=user.email, name=user.name, kind=kind, token_id=token_id, now=self._now()
        )

    # -- devices that come back

    def authenticate(self, register: wire.Register, address: str = "") -> wire.Authenticated | wire.LoginRequired:
        """Answer a device that registers; its token is renewed. Raises SignInRefused for a token that lets nobody in.

        A good token is good however often its address failed: only what has none can be guessing.
        """
        if register.token is None:
            return _login_required(register)
        try:
            claims = self._tokens.read(register.token, self._now())
            self._bind(claims, register)
        except SignInRefused:
            self.failed(address)
            raise
        self._store.seen(register.device_id, register.device_name or "", register.public_key, self._now())
        return wire.Authenticated(token=self._issue(claims.type, claims.jti), user=self.user)

    def _bind(self, claims: Claims, register: wire.Register) -> None:
        if claims.type != register.type:
            raise SignInRefused(f"this token is for the type {claims.type}; found {register.type}; sign in again")
        device = self._store.by_token(claims.jti)
        if device is None:
            self._require_room(register.device_id, register.type)
            self._codes.claim(claims.jti, self._now())
            self._admit(register.device_id, register.type, claims.jti)
        elif device.revoked_at is not None:
            raise SignInRefused("this device was revoked; `mobifai pair` lets it in anew")
        elif device.device_id != register.device_id:
            raise SignInRefused("this token belongs to another device; `mobifai pair` gives one for this device")

    def identify(self, token: str, address: str = "") -> StoredDevice:
        """The device that a token of a request belongs to. Raises SignInRefused."""
        try:
            return self._holder(self._tokens.read(token, self._now()))
        except SignInRefused:
            self.failed(address)
            raise

    def _holder(self, claims: Claims) -> StoredDevice:
        device = self._store.by_token(claims.jti)
        if device is None or device.revoked_at is not None:
            raise SignInRefused("this token lets no device in: it was not used to register yet, replaced, or revoked")
        return device

    # -- failed attempts

    def check(self, address: str) -> None:
        """Raise SignInRefused while an address has failed too often."""
        self._attempts.check(address, self._monotonic())

    def failed(self, address: str) -> None:
        """Count a failure of an address."""
        self._attempts.failed(address, self._monotonic())

    # -- the account's devices

    def devices(self) -> list[StoredDevice]:
        """The devices that are let in, oldest first."""
        return self._store.devices(OWNER)

    def shut_out(self, device_id: str) -> None:
        """Refuse a device's token from now on; `Relay.revoke` does the rest. Raises SignInRefused for no device."""
        if not self._store.revoke(device_id, self._now(), keep=self._devices.capacity):
            raise SignInRefused("expected a device that may come in; `mobifai devices list` shows them")
        self._devices.set(self._store.count(OWNER))


def iso_time(seconds: float) -> str:
    """ISO 8601 in UTC, to the second."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _login_required(register: wire.Register) -> wire.LoginRequired:
    query = urlencode({"deviceId": register.device_id, "type": register.type})
    return wire.LoginRequired(message="Sign in with a pairing code", login_url=f"/login?{query}")


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container's user may have no name
        return OWNER
