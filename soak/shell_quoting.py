"""Quotes words for a shell, so that a command can be copied from any output as one line.

Invisible characters (control characters, line ends, direction marks) and bytes that are not text are written as escape
sequences in `$'...'`. Bash, zsh, ksh and the shells of POSIX.1-2024 understand this form.
"""

import shlex
from collections.abc import Iterable
from typing import Final

from mobifai.protocol.plain_text import is_shown

_NAMED: Final = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\\": "\\\\", "'": "\\'"}


def quoted(word: str) -> str:
    """Return one word quoted for a shell."""
    if all(map(is_shown, word)):
        return shlex.quote(word)
    return f"$'{''.join(map(_escaped, word))}'"


def joined(words: Iterable[str]) -> str:
    """Return the words as one command line, each quoted for a shell if needed."""
    return " ".join(map(quoted, words))


def _escaped(character: str) -> str:
    if character in _NAMED:
        return _NAMED[character]
    if is_shown(character):
        return character
    is_byte = "\udc80" <= character <= "\udcff"  # a byte of a file name that is not valid text
    encoded = character.encode(errors="surrogateescape" if is_byte else "surrogatepass")
    return "".join(f"\\{byte:03o}" for byte in encoded)
