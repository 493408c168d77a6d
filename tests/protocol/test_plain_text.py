"""Foreign text on a terminal: one line, bounded, without invisible characters."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobifai.protocol.plain_text import escaped, is_shown, lines, one_line, plain

anything = st.text(alphabet=st.characters(exclude_categories=()), max_size=300) | st.text(
    alphabet="a \n\r\t\x1b\x9b\u0085\u200b\u200e\u202e\u2028\u2066\ufeff\U000e0041\ud800漢", max_size=300
)

UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


@given(anything, st.integers(4, 200))
def test_one_line_has_no_line_end_and_nothing_unseen_and_is_not_longer_than_asked(text: str, most: int) -> None:
    shown = one_line(text, most)
    assert len(shown.splitlines()) <= 1
    assert len(shown) <= most
    assert not {unicodedata.category(character) for character in shown} & UNSEEN
    assert one_line(shown, most) == shown


@given(anything)
def test_an_escaped_text_is_printable(text: str) -> None:
    assert all(is_shown(character) for character in escaped(text))


@given(anything)
def test_lines_that_are_not_the_first_are_indented(text: str) -> None:
    first, *further = lines(text).split("\n")
    assert first.splitlines() in ([], [first])
    assert all(line.startswith("  ") and len(line.splitlines()) == 1 for line in further)


@given(anything)
def test_a_plain_text_keeps_its_lines_and_has_nothing_else_unseen(text: str) -> None:
    shown = plain(text)
    assert shown.count("\n") == text.count("\n")
    assert not {unicodedata.category(character) for character in shown.replace("\n", "").replace("\t", "")} & UNSEEN


@pytest.mark.parametrize("text", ["naïve 漢字", "build (2)", "שלום", "❤️", "🏳️", "e\u0301"])
def test_what_people_write_stays(text: str) -> None:
    assert one_line(text) == plain(text) == escaped(text) == text


def test_a_long_text_is_cut_without_reading_all_of_it() -> None:
    assert one_line("x" * 10**6, 50) == "x" * 47 + "..."
