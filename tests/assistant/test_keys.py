"""Keys by name."""

import pytest

from mobifai.assistant import keys

EXPECTED = {
    "Enter": "\r", "Tab": "\t", "Escape": "\x1b", "Backspace": "\x7f", "Delete": "\x1b[3~", "Up": "\x1b[A",
    "Down": "\x1b[B", "Left": "\x1b[D", "Right": "\x1b[C", "Home": "\x1b[H", "End": "\x1b[F", "PageUp": "\x1b[5~",
    "PageDown": "\x1b[6~", "Ctrl+C": "\x03", "Ctrl+D": "\x04", "Ctrl+Z": "\x1a", "Ctrl+L": "\x0c", "Ctrl+A": "\x01",
    "Ctrl+E": "\x05", "Ctrl+K": "\x0b", "Ctrl+U": "\x15", "Ctrl+W": "\x17", "Ctrl+R": "\x12", "Ctrl+[": "\x1b",
}  # fmt: skip


def test_there_are_just_these_keys_and_each_sends_what_an_xterm_sends() -> None:
    assert {name: keys.encode(name, application=False) for name in keys.NAMES} == EXPECTED


def test_cursor_keys_follow_the_application_mode_and_no_other_key_does() -> None:
    changed = {name for name in keys.NAMES if keys.encode(name, application=True) != EXPECTED[name]}
    assert changed == {"Up", "Down", "Left", "Right", "Home", "End"}
    assert keys.encode("Up", application=True) == "\x1bOA"


@pytest.mark.parametrize(
    ("output", "on"),
    [
        (b"", False),
        (b"\x1b[?1h", True),
        (b"\x1b[?1h\x1b=", True),
        (b"\x1b[?1h text \x1b[?1l", False),
        (b"\x1b[?1049;1h", True),
        (b"\x1b[?1;25h", True),
        (b"\x1b[?12h", False),
        (b"\x1b[?1049h", False),
        (b"\x1b[?1h\x1bc", False),
        (b"\x1b[?1h\x1b[!p", False),
    ],
)
def test_the_mode_is_read_from_the_output(output: bytes, on: bool) -> None:
    assert keys.application_mode(output) is on
