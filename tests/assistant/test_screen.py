"""Output as a user sees it."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobifai.assistant.grid import HISTORY_CHARACTERS
from mobifai.assistant.screen import Emulator, Picture


def see(output: bytes | str, cols: int = 20, rows: int = 5) -> Picture:
    emulator = Emulator(cols, rows)
    for _ in emulator.feed(output.encode() if isinstance(output, str) else output):
        pass
    return emulator.picture()


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ("", ""),
        ("hello", "hello"),
        ("a\r\nb", "a\nb"),
        ("a\nb", "a\n b"),
        ("progress 10%\rprogress 99%", "progress 99%"),
        ("abc\b\bX", "aXc"),
        ("secret\b\b\b\b\b\b\x1b[K", ""),
        ("a\tb", "a       b"),
        ("\x1b[1;31mred\x1b[0m plain", "red plain"),
        ("\x1b]0;a title\x07text", "text"),
        ("\x1b]0;a title\x1b\\text", "text"),
        ("\x1bPq#0;2\x1b\\after", "after"),
        ("one\x1b[2J\x1b[Htwo", "two"),
        ("\x1b[2;3Hx", "\n  x"),
        ("abcdef\x1b[3D\x1b[P", "abcef"),
        ("abc\x1b[2D\x1b[2@", "a  bc"),
        ("abc\x1b[3D\x1b[4hX\x1b[4l", "Xabc"),
        ("abcdef\x1b[4D\x1b[2X", "ab  ef"),
        ("a\x1b[3b", "aaaa"),
        ("a\r\nb\r\nc\x1b[2A\x1b[L", "\na\nb\nc"),
        ("a\r\nb\r\nc\x1b[1A\x1b[M", "a\nc"),
        ("\x1b(0lqk\x1b(B", "┌─┐"),
        ("a\x1b7\r\nb\x1b8c", "ac\nb"),
        ("e\u0301", "é"),
        ("日本x", "日本x"),
        ("日本\b\bx", "日x"),
        ("\U0001f600!", "\U0001f600!"),
        (b"\xff\xfe ok", "\ufffd\ufffd ok"),
        ("\x1b[999;999Hx", "\n\n\n\n" + " " * 19 + "x"),
    ],
)
def test_output_is_shown_as_an_xterm_shows_it(output: bytes | str, text: str) -> None:
    assert see(output).text == text


def test_a_long_line_goes_on_in_the_next_one() -> None:
    assert see("x" * 25).text == "x" * 20 + "\n" + "x" * 5


def test_a_character_in_the_last_column_waits_for_the_next_one() -> None:
    seen = see("x" * 20 + "\r\n$")
    assert seen.text == "x" * 20 + "\n$"


def test_without_wrapping_the_last_column_is_written_over() -> None:
    assert see("\x1b[?7l" + "x" * 25 + "y").text == "x" * 19 + "y"


def test_lines_that_scroll_out_come_before_the_screen() -> None:
    seen = see("".join(f"line {number}\r\n" for number in range(10)) + "$ ")
    assert seen.text == "".join(f"line {number}\n" for number in range(10)) + "$"
    assert seen.text[seen.screen_at :] == "line 6\nline 7\nline 8\nline 9\n$"
    assert (seen.row, seen.column) == (5, 3)


def test_a_full_screen_program_hides_the_shell_and_gives_it_back() -> None:
    shell = "$ edit\r\n"
    inside = shell + "\x1b[?1049h\x1b[H\x1b[2Jtext\x1b[5;1H-- INSERT --"
    assert see(inside).text == "text\n\n\n\n-- INSERT --"
    assert see(inside + "\x1b[?1049l$ ").text == "$ edit\n$"


def test_only_the_region_scrolls_and_nothing_of_it_is_kept_above() -> None:
    seen = see("top\x1b[2;4r\x1b[2;1Ha\r\nb\r\nc\r\nd\x1b[5;1Hbottom")
    assert seen.text == "top\nb\nc\nd\nbottom"


def test_a_pager_that_scrolls_backwards_inserts_at_the_top() -> None:
    assert see("a\r\nb\x1b[H\x1bMz").text == "z\na\nb"


def test_a_reset_clears_the_screen() -> None:
    assert see("old\r\n\x1bcnew").text == "new"


def test_blank_lines_below_the_cursor_are_left_out() -> None:
    assert see("a\r\n\r\n").text == "a\n\n"


@pytest.mark.parametrize("cols, rows", [(0, 0), (1, 1), (1, 1000), (1000, 1)])
def test_any_size_is_taken(cols: int, rows: int) -> None:
    assert "y" in see("x\r\ny\x1b[H\x1b[3;3r\x1b[L\x1b[Sy", cols, rows).text


def test_what_a_program_repeats_does_not_grow_without_end() -> None:
    seen = see("é\x1b[1000b" * 20_000, 1000, 24)
    assert len(seen.text) <= HISTORY_CHARACTERS + 24 * 1001


def test_a_long_output_lets_others_run_in_between() -> None:
    emulator = Emulator(80, 24)
    assert sum(1 for _ in emulator.feed(b"line\r\n" * 10_000)) > 10
    assert sum(1 for _ in Emulator(1, 24).feed(b"x" * 10_000)) > 10


_parts = st.sampled_from(
    [*(f"\x1b[{number}{final}" for number in ("", "0", "3", "99999", "2;4", "?1049", "?7", ";", "4", "!", "1 ")
       for final in "ABCDEFGHIJKLMPSTXZ@`abdefhlprsu"), "\x1b7", "\x1b8", "\x1bM", "\x1bD", "\x1b(0", "\x1b]0;",
     "\x1bc",     "\r", "\n", "\b", "\t", "x", "日", "e\u0301", "\x9b", "\x85", "\x8d", "y" * 30]
)  # fmt: skip


@given(st.lists(_parts, max_size=60), st.integers(0, 7), st.integers(0, 4))
@settings(max_examples=400)
def test_whatever_is_printed_the_picture_is_one_of_that_size(parts: list[str], cols: int, rows: int) -> None:
    seen = see("".join(parts), cols, rows)
    screen = seen.text[seen.screen_at :].split("\n")
    assert len(screen) <= max(1, rows)
    assert all(len(line) <= max(1, cols) for line in screen)
    assert 1 <= seen.row <= max(1, rows)
    assert 1 <= seen.column <= max(1, cols)


@given(st.binary(max_size=300))
@settings(max_examples=200)
def test_any_bytes_are_taken(data: bytes) -> None:
    see(data)


def test_noise_of_a_whole_ring_is_taken() -> None:
    see(random.Random(7).randbytes(100_000), 80, 24)  # noqa: S311 - the same noise every time
