"""The rules of admission, without a socket."""

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import jwt
import pytest

from mobifai.bounds import Ledger
from mobifai.errors import SignInRefused
from mobifai.protocol import messages
from mobifai.protocol.codes import ATTEMPTS_PER_MINUTE, CODE_SECONDS, ClientKind
from mobifai.relay.signin import IssuedInvitation, SignIn
from mobifai.relay.store import FILE, RelayStore
from mobifai.relay.tokens import SECRET_BYTES, TOKEN_SECONDS, Tokens, load_secret
from tests.relay.place import Clock

KEY = "04" + "ab" * 64
PHONE, OTHER = "phone-1", "phone-2"


class Desk:
    """A sign-in service with a clock that the test sets."""

    def __init__(
        self, store: RelayStore, state_dir: Path, limits: dict[str, int] | None = None, *, shared: bool = True
    ) -> None:
        self.store = store
        self.clock = Clock()
        self.secret = load_secret(state_dir)
        self.ledger = Ledger(limits)
        self.sign_in = SignIn(
            store, Tokens(self.secret), self.ledger, shared=shared, now=self.clock, monotonic=self.clock
        )

    def invite(self, kind: str = "legacy", account: str = "owner") -> IssuedInvitation:
        return self.sign_in.invite(ClientKind(kind), account)

    def redeem(self, code: str, device_id: str = PHONE, kind: Any = "mobile", address: str = "a") -> str:
        return self.sign_in.redeem(code, device_id, kind, address).token

    def register(self, device_id: str, token: str | None, kind: Any = "mobile", features: tuple[str, ...] = ()) -> str:
        message = messages.Register(type=kind, device_id=device_id, public_key=KEY, token=token, features=features)
        answer = self.sign_in.authenticate(message, "10.0.0.9")
        assert isinstance(answer, messages.Authenticated)
        return answer.token


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with RelayStore.open(tmp_path) as store:
        yield Desk(store, tmp_path)


def test_without_a_token_a_device_has_to_sign_in(desk: Desk) -> None:
    assert desk.sign_in.authenticate(messages.Register(type="mobile", device_id=PHONE, public_key=KEY)) is None


def test_a_token_has_user_and_type_and_is_valid_for_thirty_days(desk: Desk) -> None:
    token = desk.redeem(desk.invite().code, PHONE, "mobile", "a")
    claims = jwt.decode(token, desk.secret, algorithms=["HS256"], options={"verify_iat": False})
    assert {"id", "email", "name", "type", "jti", "iat", "exp"} == set(claims)
    assert (claims["id"], claims["type"], claims["exp"] - claims["iat"]) == ("owner", "mobile", 30 * 24 * 3600)


def test_an_invitations_token_is_bound_to_the_first_device_that_registers(desk: Desk) -> None:
    token = desk.invite().token
    desk.register(PHONE, token)
    desk.register(PHONE, token)
    with pytest.raises(SignInRefused, match="belongs to another device"):
        desk.register(OTHER, token)


def test_redeeming_a_code_or_its_token_redeems_both(desk: Desk) -> None:
    by_code, by_token = desk.invite(), desk.invite()
    desk.redeem(by_code.code, PHONE, "mobile", "a")
    with pytest.raises(SignInRefused, match="belongs to another device"):
        desk.register(OTHER, by_code.token)
    desk.register("phone-3", by_token.token)
    with pytest.raises(SignInRefused, match="wrong, used or expired"):
        desk.redeem(by_token.code, OTHER, "mobile", "a")


def test_case_and_dashes_of_a_code_do_not_matter(desk: Desk) -> None:
    code = desk.invite().code
    assert desk.redeem(f" {code.lower().replace('-', ' ')} ", PHONE, "mobile", "a")


def test_a_code_and_its_token_expire_after_ten_minutes(desk: Desk) -> None:
    invitation = desk.invite()
    desk.clock.pass_by(CODE_SECONDS)
    with pytest.raises(SignInRefused):
        desk.redeem(invitation.code, PHONE, "mobile", "a")
    with pytest.raises(SignInRefused):
        desk.register(PHONE, invitation.token)


def test_wrong_tries_cost_only_the_address_that_makes_them(desk: Desk) -> None:
    right = desk.invite().code
    for number in range(200):
        with pytest.raises(SignInRefused):
            desk.redeem("AAAA-AAAA", address=f"10.0.0.{number}")
    assert desk.redeem(right, address="192.168.1.20")


def test_wrong_tries_never_invalidate_a_link_even_for_their_own_address(desk: Desk) -> None:
    link = desk.invite("e2e").code
    for _ in range(10 * ATTEMPTS_PER_MINUTE):
        with pytest.raises(SignInRefused):
            desk.redeem("AAAA-AAAA")
        with pytest.raises(SignInRefused):
            desk.redeem("A" * len(link))
    assert desk.redeem(link)


def test_an_address_that_failed_too_often_waits_a_minute(desk: Desk) -> None:
    for _ in range(ATTEMPTS_PER_MINUTE):
        with pytest.raises(SignInRefused):
            desk.redeem("AAAA-AAAA", PHONE, "mobile", "a")
    right = desk.invite().code
    with pytest.raises(SignInRefused, match="too many failed attempts"):
        desk.redeem(right, PHONE, "mobile", "a")
    desk.clock.pass_by(60)
    assert desk.redeem(right, PHONE, "mobile", "a")


def test_a_valid_token_is_accepted_however_often_its_address_failed(desk: Desk) -> None:
    token = desk.redeem(desk.invite().code, PHONE, "mobile", "a")
    for _ in range(ATTEMPTS_PER_MINUTE + 1):
        desk.sign_in.record_failure("10.0.0.9")
    assert desk.register(PHONE, token)


def test_a_token_is_renewed_when_it_is_used_and_expires_when_it_is_not(desk: Desk) -> None:
    token = desk.redeem(desk.invite().code, PHONE, "mobile", "a")
    desk.clock.pass_by(TOKEN_SECONDS - 1)
    renewed = desk.register(PHONE, token)
    desk.clock.pass_by(1)
    with pytest.raises(SignInRefused, match="expired"):
        desk.register(PHONE, token)
    assert desk.register(PHONE, renewed)


def test_an_agent_s_token_expires_thirty_days_after_it_was_connected_last(desk: Desk) -> None:
    token = desk.redeem(desk.invite("agent").code, "agent", "mac", "a")
    desk.clock.pass_by(2 * TOKEN_SECONDS)
    desk.sign_in.record_connected("owner", "agent")
    desk.clock.pass_by(TOKEN_SECONDS - 1)
    desk.register("agent", token, "mac")
    desk.clock.pass_by(TOKEN_SECONDS)
    with pytest.raises(SignInRefused, match="expired"):
        desk.register("agent", token, "mac")


def test_an_agent_that_was_connected_under_a_clock_that_was_ahead_gains_no_time(desk: Desk) -> None:
    token = desk.redeem(desk.invite("agent").code, "agent", "mac", "a")
    desk.clock.pass_by(100 * TOKEN_SECONDS)
    desk.sign_in.record_connected("owner", "agent")
    desk.clock.pass_by(-98 * TOKEN_SECONDS)
    with pytest.raises(SignInRefused, match="expired"):
        desk.register("agent", token, "mac")


def test_being_connected_gives_a_phone_s_token_no_time(desk: Desk) -> None:
    token = desk.redeem(desk.invite().code, PHONE, "mobile", "a")
    desk.clock.pass_by(TOKEN_SECONDS)
    desk.sign_in.record_connected("owner", PHONE)
    with pytest.raises(SignInRefused, match="expired"):
        desk.register(PHONE, token)


def _of_another_relay(token: str, _: bytes) -> str:
    return jwt.encode(jwt.decode(token, options={"verify_signature": False}), b"x" * 32, algorithm="HS256")


def _without_signature(token: str, _: bytes) -> str:
    return jwt.encode(jwt.decode(token, options={"verify_signature": False}), None, algorithm="none")


def _with_less(token: str, secret: bytes) -> str:
    claims = jwt.decode(token, options={"verify_signature": False})
    return jwt.encode({"id": claims["id"], "jti": claims["jti"]}, secret, algorithm="HS256")


def _with_other_types(token: str, secret: bytes) -> str:
    claims = jwt.decode(token, options={"verify_signature": False})
    return jwt.encode(claims | {"exp": "never"}, secret, algorithm="HS256")


@pytest.mark.parametrize(
    "forge",
    [
        _of_another_relay, _without_signature, _with_less, _with_other_types,
        lambda _token, _secret: "", lambda _token, _secret: "a.b.c", lambda _token, _secret: "x" * 5000,
        lambda token, _secret: token[:-2],
    ],
)  # fmt: skip
def test_a_foreign_token_is_rejected(desk: Desk, forge: Any) -> None:
    token = desk.redeem(desk.invite().code, PHONE, "mobile", "a")
    with pytest.raises(SignInRefused):
        desk.register(PHONE, forge(token, desk.secret))


def test_a_phones_token_can_not_register_an_agent(desk: Desk) -> None:
    with pytest.raises(SignInRefused, match="of type mobile with this token"):
        desk.register("agent-1", desk.invite().token, "mac")


def test_nobody_takes_the_id_of_another_kind_of_device(desk: Desk) -> None:
    desk.sign_in.agent_token("agent-1", "Laptop")
    with pytest.raises(SignInRefused, match="another kind of device"):
        desk.redeem(desk.invite().code, "agent-1", "mobile", "a")
    with pytest.raises(SignInRefused, match="another kind of device"):
        desk.register("agent-1", desk.invite().token)


def test_a_revoked_device_is_rejected_until_it_is_invited_again(desk: Desk) -> None:
    token = desk.redeem(desk.invite().code, PHONE, "mobile", "a")
    desk.sign_in.revoke(PHONE)
    with pytest.raises(SignInRefused, match="revoked"):
        desk.register(PHONE, token)
    with pytest.raises(SignInRefused):
        desk.sign_in.identify(token)
    desk.register(PHONE, desk.invite().token)
    with pytest.raises(SignInRefused, match=r"never used"):
        desk.register(PHONE, token)


def test_revoking_an_unknown_device_is_an_error(desk: Desk) -> None:
    with pytest.raises(SignInRefused, match="mobifai devices list"):
        desk.sign_in.revoke("nobody")


def test_signing_in_again_invalidates_the_earlier_token(desk: Desk) -> None:
    before = desk.redeem(desk.invite().code, PHONE, "mobile", "a")
    after = desk.redeem(desk.invite().code, PHONE, "mobile", "a")
    with pytest.raises(SignInRefused):
        desk.register(PHONE, before)
    assert desk.register(PHONE, after)
    assert len(desk.sign_in.devices()) == 1


@pytest.mark.parametrize(("devices", "is_let_in"), [(1, True), (2, True), (3, False)])
def test_the_number_of_devices_is_limited(tmp_path: Path, devices: int, is_let_in: bool) -> None:
    with RelayStore.open(tmp_path) as store:
        desk = Desk(store, tmp_path, {"relay.devices": 3 - 1})
        for number in range(devices - 1):
            desk.register(f"phone-{number}", desk.invite().token)
        invitation = desk.invite()
        if is_let_in:
            assert desk.register("last", invitation.token)
            return
        with pytest.raises(SignInRefused, match="revoke a device"):
            desk.redeem(invitation.code, "last", "mobile", "a")
        with pytest.raises(SignInRefused, match="revoke a device"):
            desk.register("last", invitation.token)
        desk.sign_in.revoke("phone-0")
        assert desk.register("last", invitation.token)


def test_the_number_of_revoked_devices_is_limited(tmp_path: Path) -> None:
    with RelayStore.open(tmp_path) as store:
        desk = Desk(store, tmp_path, {"relay.devices": 2})
        for number in range(5):
            desk.clock.pass_by(1)
            desk.register(f"phone-{number}", desk.invite().token)
            desk.sign_in.revoke(f"phone-{number}")
        known = [number for number in range(5) if store.device("owner", f"phone-{number}")]
        assert known == [3, 4]


def test_an_unused_token_gives_no_access_to_the_api(desk: Desk) -> None:
    with pytest.raises(SignInRefused, match="was not used to register yet"):
        desk.sign_in.identify(desk.invite().token)


def test_devices_and_secret_survive_a_restart_and_are_ours_alone(tmp_path: Path) -> None:
    with RelayStore.open(tmp_path) as store:
        token = Desk(store, tmp_path).sign_in.agent_token("agent-1", "Laptop")
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes and set(modes.values()) == {0o600}, modes
    with RelayStore.open(tmp_path) as store:
        assert Desk(store, tmp_path).sign_in.identify(token).device_id == "agent-1"


def test_a_secret_that_is_no_secret_is_set_aside_and_not_used(tmp_path: Path) -> None:
    (tmp_path / "relay.key").write_bytes(b"short")
    secret = load_secret(tmp_path)
    assert len(secret) == SECRET_BYTES
    assert load_secret(tmp_path) == secret
    assert [path.read_bytes() for path in tmp_path.glob("relay.key.kept-*")] == [b"short"]


def test_a_file_that_is_no_database_is_kept_and_not_used(tmp_path: Path) -> None:
    damaged = b"no database at all" * 100
    (tmp_path / "relay.sqlite").write_bytes(damaged)
    with RelayStore.open(tmp_path) as store:
        assert store.devices("owner") == []
    assert [path.read_bytes() for path in tmp_path.glob("relay.sqlite.kept-*")] == [damaged]


def test_a_device_is_revoked_even_if_the_disk_write_fails(tmp_path: Path) -> None:
    with RelayStore.open(tmp_path) as store, closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as other:
        desk = Desk(store, tmp_path)
        tokens = {device: desk.register(device, desk.invite().token) for device in (PHONE, OTHER)}
        other.execute("BEGIN IMMEDIATE")  # nothing can be written, as on a full disk
        desk.sign_in.revoke(PHONE)
        with pytest.raises(SignInRefused, match="revoked"):
            desk.register(PHONE, tokens[PHONE])
        other.execute("ROLLBACK")
        desk.register(OTHER, tokens[OTHER])
    with RelayStore.open(tmp_path) as store:
        assert [device.device_id for device in store.devices("owner")] == [OTHER]


def test_known_devices_can_sign_in_while_the_disk_is_full(tmp_path: Path) -> None:
    with RelayStore.open(tmp_path) as store:
        desk = Desk(store, tmp_path)
        token = desk.sign_in.agent_token("agent-1", "Laptop")
        store._connection.execute("PRAGMA query_only = ON")  # every write fails, as on a full disk
        assert desk.sign_in.identify(token).device_id == "agent-1"
        store.record_sign_in("owner", "agent-1", "Laptop", "04", 5.0)
