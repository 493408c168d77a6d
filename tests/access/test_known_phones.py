"""The phones that an agent knows: pinned ones, revoked ones, and waiting links."""

import json
from pathlib import Path

import pytest

from mobifai.access.known_phones import KEPT_SECONDS, KnownPhones
from mobifai.access.policy import AccessPolicy
from mobifai.bounds import Ledger
from mobifai.errors import LimitReached, StateError
from mobifai.protocol.e2e import LINK_SECONDS, KeyStatus, link_psk
from mobifai.protocol.features import NO_FEATURES, Features
from mobifai.state import StateDir

ONE, TWO, THREE = (bytes([number]) * 32 for number in (1, 2, 3))


class Clock:
    """Seconds that a test advances."""

    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0

    def __call__(self) -> float:
        return self.seconds


def phones_of(folder: Path, clock: Clock, **limits: int) -> KnownPhones:
    ledger = Ledger({f"e2e.{name}": value for name, value in limits.items()})
    return KnownPhones(StateDir(folder), ledger, clock)


def test_a_link_is_good_for_ten_minutes(tmp_path: Path) -> None:
    clock = Clock()
    phones = phones_of(tmp_path, clock)
    psk = link_psk(phones.new_secret())
    clock.seconds += LINK_SECONDS - 1
    assert phones.psks() == (psk,)
    clock.seconds += 1
    assert phones.psks() == ()


def test_a_link_is_void_once_a_phone_has_come_by_it(tmp_path: Path) -> None:
    phones = phones_of(tmp_path, Clock())
    psk, other = (link_psk(phones.new_secret()) for _ in range(2))
    phones.came(ONE, "phone", "Pixel", psk)
    assert phones.psks() == (other,)
    assert phones.key_status(ONE) is KeyStatus.PINNED


@pytest.mark.parametrize(("made", "oldest_is_good"), [(2, True), (3, True), (4, False)])
def test_with_too_many_links_waiting_the_oldest_is_void(tmp_path: Path, made: int, oldest_is_good: bool) -> None:
    phones = phones_of(tmp_path, Clock(), links=3)
    psks = [link_psk(phones.new_secret()) for _ in range(made)]
    assert (psks[0] in phones.psks()) == oldest_is_good
    assert phones.psks()[0] == psks[-1]


@pytest.mark.parametrize(("known", "takes_one_more"), [(1, True), (2, True), (3, False)])
def test_only_so_many_phones_are_pinned(tmp_path: Path, known: int, takes_one_more: bool) -> None:
    phones = phones_of(tmp_path, Clock(), phones=3)
    for number in range(known):
        phones.came(bytes([number]) * 32, f"phone {number}", "", None)
    rejection_reason = phones.rejection_reason(b"x" * 32, "another")
    assert (rejection_reason is None) == takes_one_more
    assert phones.rejection_reason(bytes(32), "phone 0") is None
    assert phones.rejection_reason(b"x" * 32, "phone 0") is None  # replaces the earlier key
    if rejection_reason is not None:
        assert "mobifai devices revoke" in rejection_reason
        with pytest.raises(LimitReached):
            phones.came(b"x" * 32, "another", "", None)


def test_a_device_has_one_key_the_newest(tmp_path: Path) -> None:
    phones = phones_of(tmp_path, Clock())
    phones.came(ONE, "phone", "Pixel", None)
    phones.came(TWO, "phone", "Pixel", None)
    assert [one.key for one in phones] == [TWO.hex()]
    assert phones.key_status(ONE) is KeyStatus.UNKNOWN


def test_a_revoked_phone_is_known_as_that_until_it_comes_by_a_link(tmp_path: Path) -> None:
    phones = phones_of(tmp_path, Clock())
    phones.came(ONE, "phone", "Pixel", None)
    assert phones.revoke("phone")
    assert not phones.revoke("phone")
    assert phones.key_status(ONE) is KeyStatus.REVOKED
    assert phones.is_revoked("phone")
    phones.came(ONE, "phone", "Pixel", link_psk(phones.new_secret()))
    assert phones.key_status(ONE) is KeyStatus.PINNED
    assert not phones.is_revoked("phone")


@pytest.mark.parametrize(("revoked", "first_is_known"), [(1, True), (2, True), (3, False)])
def test_only_so_many_revoked_phones_are_remembered(tmp_path: Path, revoked: int, first_is_known: bool) -> None:
    phones = phones_of(tmp_path, Clock(), revoked=2)
    for number in range(revoked):
        phones.came(bytes([number]) * 32, f"phone {number}", "", None)
        phones.revoke(f"phone {number}")
    assert phones.is_revoked("phone 0") == first_is_known


def test_a_revocation_that_could_not_be_stored_is_stored_by_the_next_one(tmp_path: Path) -> None:
    clock = Clock()
    phones = phones_of(tmp_path, clock)
    phones.came(ONE, "one", "Pixel", None)
    (tmp_path / "phones.json").unlink()
    (tmp_path / "phones.json" / "in the way").mkdir(parents=True)
    with pytest.raises(StateError):
        phones.revoke("one")
    assert phones.key_status(ONE) is KeyStatus.REVOKED
    (tmp_path / "phones.json" / "in the way").rmdir()
    (tmp_path / "phones.json").rmdir()
    assert phones.revoke("one")
    assert not phones.revoke("one")
    assert phones_of(tmp_path, clock).key_status(ONE) is KeyStatus.REVOKED


def test_what_is_known_outlives_the_agent_and_secrets_of_links_do_not(tmp_path: Path) -> None:
    clock = Clock()
    phones = phones_of(tmp_path, clock)
    phones.came(ONE, "one", "Pixel", None)
    phones.came(TWO, "two", "Tablet", None)
    phones.revoke("two")
    phones.new_secret()
    again = phones_of(tmp_path, clock)
    assert [(one.device_id, one.name) for one in again] == [("one", "Pixel")]
    assert again.key_status(TWO) is KeyStatus.REVOKED
    assert again.psks() == ()
    assert (tmp_path / "phones.json").stat().st_mode & 0o777 == 0o600


def test_the_last_use_is_kept_once_a_minute_and_at_the_end(tmp_path: Path) -> None:
    clock = Clock()
    phones = phones_of(tmp_path, clock)
    phones.came(ONE, "one", "Pixel", None)
    first = clock.seconds

    def kept() -> float:
        return float(json.loads((tmp_path / "phones.json").read_text())["phones"][0]["last_used"])

    clock.seconds += KEPT_SECONDS / 2
    phones.came(ONE, "one", "Pixel", None)
    assert kept() == first
    assert next(iter(phones)).last_used == clock.seconds
    clock.seconds += KEPT_SECONDS
    phones.came(ONE, "one", "Pixel", None)
    assert kept() == clock.seconds
    clock.seconds += 1
    phones.came(ONE, "one", "Pixel", None)
    phones.close()
    assert kept() == clock.seconds
    assert next(iter(phones)).created == first


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"phones": [{}]}', b"\xff"])
def test_a_file_that_is_none_is_set_aside(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "phones.json").write_bytes(content)
    phones = phones_of(tmp_path, Clock())
    assert list(phones) == []
    (aside,) = tmp_path.glob("phones.json.kept-*")
    assert aside.read_bytes() == content


def test_more_phones_than_may_be_lose_those_not_used_for_longest(tmp_path: Path) -> None:
    clock = Clock()
    phones = phones_of(tmp_path, clock)
    for number in range(3):
        clock.seconds += 1
        phones.came(bytes([number]) * 32, f"phone {number}", "", None)
    phones.close()
    assert {one.device_id for one in phones_of(tmp_path, clock, phones=2)} == {"phone 1", "phone 2"}


def test_a_phone_that_can_not_be_forgotten_on_disk_is_forgotten_here(tmp_path: Path) -> None:
    phones = phones_of(tmp_path, Clock())
    phones.came(ONE, "one", "Pixel", None)
    phones._path = tmp_path / "nowhere" / "phones.json"
    with pytest.raises(StateError):
        phones.revoke("one")
    assert phones.key_status(ONE) is KeyStatus.REVOKED


SEALS = Features(e2e=True)


def test_a_legacy_app_comes_only_if_the_agent_knows_that_it_was_invited_as_one(tmp_path: Path) -> None:
    admission = AccessPolicy(phones_of(tmp_path, Clock()), "allow", {"app"}.__contains__)
    assert admission.rejection_reason("app", NO_FEATURES) is None
    assert "mobifai pair --legacy" in str(admission.rejection_reason("stranger", NO_FEATURES))
    assert admission.rejection_reason("stranger", SEALS) is None


@pytest.mark.parametrize(
    ("device_id", "features", "mode", "may"),
    [
        ("stranger", NO_FEATURES, "allow", True),
        ("stranger", NO_FEATURES, "require", False),
        ("stranger", SEALS, "require", True),
        ("pinned", NO_FEATURES, "allow", False),
        ("pinned", SEALS, "allow", True),
        ("revoked", NO_FEATURES, "allow", False),
        ("revoked", SEALS, "allow", True),
    ],
)
def test_who_may_come_to_the_door(tmp_path: Path, device_id: str, features: Features, mode: str, may: bool) -> None:
    phones = phones_of(tmp_path, Clock())
    phones.came(ONE, "pinned", "", None)
    phones.came(TWO, "revoked", "", None)
    phones.revoke("revoked")
    admission = AccessPolicy(phones, mode)  # type: ignore[arg-type]
    assert (admission.rejection_reason(device_id, features) is None) == may
