"""Makes untrusted text safe to show on a terminal, in a log, in a status line or in an error message.

Names of tabs and devices, and messages of a relay, a phone or a model, may contain line feeds, escape sequences,
bidirectional controls and invisible characters. Every output uses these functions. Pure.
"""

MAX_REMARK = 200
"""How much of a peer's message is shown: a sentence or two, in characters."""

MAX_TEXT = 16_000
"""How much of a text with several lines is shown, in characters."""

_CUT = "..."

_BLANK = frozenset(
    {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0}.union(
        range(0x180B, 0x1810), range(0xFE00, 0xFE0F), range(0xE0100, 0xE01F0)
    )
)
"""Invisible characters that Unicode counts as letters, marks or symbols, except U+FE0F, which is part of emoji."""


def is_shown(character: str) -> bool:
    """Return whether a character is visible and does not change how other text is shown.

    Control characters, format characters and line ends do.
    """
    return character.isprintable() and ord(character) not in _BLANK


def one_line(text: object, most: int = MAX_REMARK) -> str:
    """Return the text as one line of at most `most` characters. Spaces replace characters that are not shown."""
    words = _replaced(str(text)[: 4 * most], " ").split()
    shown = " ".join(words)
    return shown if len(shown) <= most else f"{shown[: most - len(_CUT)]}{_CUT}"


def plain(text: object) -> str:
    """Return the text with U+FFFD in place of characters that are not shown. Line feeds and tabs are kept."""
    return "\n".join(
        "\t".join(_replaced(cell, "\N{REPLACEMENT CHARACTER}") for cell in line.split("\t"))
        for line in str(text).split("\n")
    )


def lines(text: object, most: int = MAX_TEXT) -> str:
    """Return at most `most` characters of the text, as `plain` does, with all lines but the first indented.

    So no line of the text looks like MobiFai's own output.
    """
    given = str(text)
    return plain(given[:most]).replace("\n", "\n  ") + (_CUT if len(given) > most else "")


def escaped(text: str) -> str:
    """Return the text with Python escapes in place of characters that are not shown."""
    if text.isprintable() and text.isascii():
        return text
    return "".join(one if is_shown(one) else one.encode("unicode_escape").decode() for one in text)


def _replaced(text: str, by: str) -> str:
    if text.isprintable() and text.isascii():
        return text
    return "".join(one if is_shown(one) else by for one in text)
