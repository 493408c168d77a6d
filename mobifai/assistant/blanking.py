"""Secrets that must not be written down: those of the environment, and such as are named. Pure."""

import re
from collections.abc import Iterable, Mapping

BLANK = "[secret]"
LEAST_CHARACTERS = 6
"""A shorter value would blank out half of any text."""

MOST_VALUES = 256

_NAME = re.compile(
    r"(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|COOKIE|_PASS|_PAT|_AUTH)S?(?:_|\Z)|SECRET|API_?KEY",
    re.IGNORECASE,
)
_IN_ADDRESS = re.compile(r"://[^/\s:@]*:([^/\s@]+)@")


class Secrets:
    """Blanks out the values of variables with telling names, and passwords in addresses."""

    def __init__(self, environ: Mapping[str, str], named: Iterable[str] = ()) -> None:
        values = {value for value in (*_of_environment(environ), *named) if len(value) >= LEAST_CHARACTERS}
        longest_first = sorted(values, key=lambda value: (-len(value), value))[:MOST_VALUES]
        self._values = longest_first
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def also(self, value: str) -> "Secrets":
        """These, and one more."""
        return Secrets({}, (*self._values, value))

    def blank(self, text: str) -> str:
        """The text without them."""
        return self._pattern.sub(BLANK, text) if self._pattern else text


def _of_environment(environ: Mapping[str, str]) -> Iterable[str]:
    for name, value in environ.items():
        if _NAME.search(name):
            yield value.strip()
        yield from _IN_ADDRESS.findall(value)
