"""Removes secrets from texts for logs and models. This module does no I/O.

Secrets are the values of some environment variables, `named` values, and texts in a known format.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping

from mobifai.assistant import secret_formats
from mobifai.assistant.secret_formats import SecretSpan

BLANK = "[secret]"
MASK = "*"
WIDE_MASK = "\uff0a"
LEAST_CHARACTERS = 6
"""The minimum length of a secret value. A shorter value is not removed, since it would match too much of any text."""

MOST_VALUES = 256

_NAME = re.compile(
    r"(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|COOKIE|_PASS|_PAT|_AUTH)S?(?:_|\Z)|SECRET|API_?KEY",
    re.IGNORECASE,
)
_IN_ADDRESS = re.compile(r"://[^/\s:@]*:([^/\s@]+)@")


def is_secret_name(name: str) -> bool:
    """Return whether the name of a variable suggests that it holds a secret."""
    return bool(_NAME.search(name))


class Secrets:
    """Removes secrets: values of variables with suspicious names, passwords in addresses, and known formats of secrets.

    The variables are those of `environ`. `named` are further secret values.
    """

    def __init__(self, environ: Mapping[str, str], named: Iterable[str] = ()) -> None:
        values = {value for value in (*_of_environment(environ), *named) if len(value) >= LEAST_CHARACTERS}
        longest_first = sorted(values, key=lambda value: (-len(value), value))[:MOST_VALUES]
        self._values = longest_first
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def also(self, value: str) -> "Secrets":
        """Return a new object that removes the secret `value` in addition to these secrets."""
        return Secrets({}, (*self._values, value))

    def blank(self, text: str) -> str:
        """Return the text with `[secret]` in place of each secret."""
        shown, at = "", 0
        for start, end in _joined(self._find(text)):
            shown, at = shown + text[at:start] + BLANK, end
        return shown + text[at:]

    def mask(self, text: str, cols: int) -> str:
        """Mask the secrets in the text of a screen with `cols` columns. The width of the text does not change.

        A secret that continues in the next line is found if its first line fills the row.
        """
        whole, places = _unwrapped(text, cols)
        spans = [*self._find(text), *((places[start], places[end - 1] + 1) for start, end in self._find(whole))]
        shown, at = "", 0
        for start, end in _joined(spans):
            shown, at = shown + text[at:start] + "".join(map(_masked, text[start:end])), end
        return shown + text[at:]

    def _find(self, text: str) -> Iterator[SecretSpan]:
        if self._pattern is not None:
            yield from (found.span() for found in self._pattern.finditer(text))
        yield from (span for span in secret_formats.find(text) if span[0] < span[1])


def _joined(spans: Iterable[SecretSpan]) -> Iterator[SecretSpan]:
    """Merge spans that overlap or touch, and yield the results in order."""
    start, end = 0, 0
    for next_start, next_end in sorted(spans):
        if next_start > end:
            if end > start:
                yield start, end
            start = next_start
        end = max(end, next_end)
    if end > start:
        yield start, end


def _unwrapped(text: str, cols: int) -> tuple[str, list[int]]:
    """Return a screen's text with wrapped lines joined, and the position of each character in the original text."""
    whole: list[str] = []
    places: list[int] = []
    at = 0
    lines = text.split("\n")
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        width = sum(map(_width, line))
        # A wide character that does not fit leaves the last cell empty.
        is_full = width >= cols or (width == cols - 1 and not (line + following[:1]).isascii())
        kept = line if is_full else line + "\n"
        whole.append(kept)
        places += range(at, at + len(kept))
        at += len(line) + 1
    return "".join(whole), places


def _width(character: str) -> int:
    return 2 if not character.isascii() and unicodedata.east_asian_width(character) in "WF" else 1


def _masked(character: str) -> str:
    if character == "\n":
        return character
    return WIDE_MASK if _width(character) == 2 else MASK


def _of_environment(environ: Mapping[str, str]) -> Iterable[str]:
    for name, value in environ.items():
        if is_secret_name(name):
            yield value.strip()
            yield from (line.strip() for line in value.splitlines())
        yield from _IN_ADDRESS.findall(value)
