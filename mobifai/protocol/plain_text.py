"""Makes untrusted text safe to show on a terminal, in a log, in a status line or in an error message.

Names of tabs and devices, and messages of a relay, a phone or a model, may contain line feeds, escape sequences,
bidirectional controls and invisible characters. Every output uses these functions. This module does no I/O.
"""

MAX_REMARK = 200
"""The maximum number of shown characters of a peer's message: enough for a sentence or two."""

MAX_TEXT = 16_000
"""The maximum number of shown characters of a text with several lines."""

_CUT = "..."

_BLANK = frozenset(
    {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0}.union(
        range(0x180B, 0x1810), range(0xFE00, 0xFE0F), range(0xE0100, 0xE01F0)
    )
)
"""Invisible characters that Unicode classifies as letters, marks or symbols. U+FE0F, which is part of emoji, is left
out."""


def is_shown(character: str) -> bool:
    """Return whether a character is visible and does not change how other text is shown.

    Return False for control characters, format characters and line ends.
    """
    return character.isprintable() and ord(character) not in _BLANK


def one_line(text: object, most: int = MAX_REMARK) -> str:
    """Return the text as one line of at most `most` characters. Spaces replace characters that can't be shown."""
    words = _replaced(str(text)[: 4 * most], " ").split()
    shown = " ".join(words)
    return shown if len(shown) <= most else f"{shown[: most - len(_CUT)]}{_CUT}"


def plain(text: object) -> str:
    """Return the text with U+FFFD in place of characters that can't be shown. Line feeds and tabs are kept."""
    return "\n".join(
        "\t".join(_replaced(cell, "\N{REPLACEMENT CHARACTER}") for cell in line.split("\t"))
        for line in str(text).split("\n")
    )


def lines(text: object, most: int = MAX_TEXT) -> str:
    """Return at most `most` characters of the text, made safe as by `plain`, with all lines but the first indented.

    So no line of the text looks like MobiFai's own output.
    """
    given = str(text)
    return plain(given[:most]).replace("\n", "\n  ") + (_CUT if len(given) > most else "")


def escaped(text: str) -> str:
    """Return the text with Python escapes in place of characters that can't be shown."""
    if text.isprintable() and text.isascii():
        return text
    return "".join(one if is_shown(one) else one.encode("unicode_escape").decode() for one in text)


def _replaced(text: str, by: str) -> str:
    if text.isprintable() and text.isascii():
        return text
    return "".join(one if is_shown(one) else by for one in text)
