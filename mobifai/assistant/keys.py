"""The keys that the assistant can press, by name, and the characters that xterm sends for them.

This module does no I/O.
"""

import re
from collections.abc import Mapping

_PLAIN: Mapping[str, str] = {
    "Enter": "\r",
    "Tab": "\t",
    "Escape": "\x1b",
    "Backspace": "\x7f",
    "Delete": "\x1b[3~",
    "PageUp": "\x1b[5~",
    "PageDown": "\x1b[6~",
    "Ctrl+[": "\x1b",
    **{f"Ctrl+{letter}": chr(ord(letter) & 0x1F) for letter in "CDZLAEKUWR"},
}
_CURSOR: Mapping[str, str] = {"Up": "A", "Down": "B", "Right": "C", "Left": "D", "Home": "H", "End": "F"}

NAMES: tuple[str, ...] = (
    *("Enter", "Tab", "Escape", "Backspace", "Delete", "Up", "Down", "Left", "Right", "Home", "End"),
    *("PageUp", "PageDown"),
    *("Ctrl+C", "Ctrl+D", "Ctrl+Z", "Ctrl+L", "Ctrl+A", "Ctrl+E", "Ctrl+K", "Ctrl+U", "Ctrl+W", "Ctrl+R", "Ctrl+["),
)
"""The names of all keys that the assistant can press."""

_CURSOR_MODE = re.compile(rb"\x1b(?:c|\[!p|\[\?(?:[0-9]{1,5};){0,16}1(?:;[0-9]{1,5}){0,16}([hl]))")


def encode(key: str, application: bool) -> str:
    """Return the characters that xterm sends for a key in NAMES.

    `application`: application cursor keys are enabled.
    """
    if key in _CURSOR:
        return f"\x1b{'O' if application else '['}{_CURSOR[key]}"
    return _PLAIN[key]


def application_mode(output: bytes) -> bool:
    """Return whether this output enables application cursor keys (DECCKM) in a terminal that was reset before it."""
    on = False
    for change in _CURSOR_MODE.finditer(output):
        on = change[1] == b"h"
    return on
