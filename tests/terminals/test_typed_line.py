"""The test for the beginning of a line, from the last input."""

import pytest

from mobifai.terminals.typed_line import KEPT, is_new_after


@pytest.mark.parametrize(
    ("last", "before", "is_new"),
    [
        ("\r", None, True),
        ("ls\r", "x", True),
        ("\n", "x", True),
        ("\x03", "x", True),
        ("l", "\r", False),
        ("\x1b[A", "\r", False),
        ("\x1b[I", "\r", True),
        ("\x1b[?1;2c", "\r", True),
        ("\x1b[12;1R\x1b[?62c", "x", False),
        ("\x1b]11;rgb:0/0/0\x1b\\", "\r", True),
        ("\x1b[I", "\x1b[O", None),
        ("", "x", False),
        ("", "", None),
        (None, None, None),
    ],
)
def test_a_line_is_new_after_enter_and_answers_of_the_terminal_do_not_count(
    last: str | None, before: str | None, is_new: bool | None
) -> None:
    assert is_new_after(last, before) is is_new


@pytest.mark.parametrize("end", ["\r", "\n", "\x03", "x", "\u20ac"])
def test_the_end_of_a_long_paste_decides_as_the_whole_does(end: str) -> None:
    paste = "x" * 1_000_000 + end
    assert is_new_after(paste[-KEPT:], "y") is is_new_after(paste, "y")


def test_the_end_of_a_long_paste_is_no_answer_of_the_terminal() -> None:
    paste = "rm -rf x" + "\x1b]" + "0" * KEPT + "\x07"
    long_answer = "\x1b]" + "0" * (KEPT - 3) + "\x07"
    assert is_new_after(paste[-KEPT:], "\r") is False
    assert len(long_answer) == KEPT
    assert is_new_after(long_answer, "\r") is False
