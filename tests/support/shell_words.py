"""Splits a command that is quoted for a shell. Unlike shlex, it knows `$'...'`."""

import re
import shlex

_WORD = re.compile(r"""\$'((?:[^'\\]|\\.)*)'|((?:[^\s'"]|'[^']*'|"[^"]*")+)""")
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_NAMED = {b"n": b"\n", b"t": b"\t", b"r": b"\r"}


def shell_words(command: str) -> list[str]:
    """Return the words as a shell splits them."""
    return [_plain(one[1]) if one[1] is not None else shlex.split(one[2])[0] for one in _WORD.finditer(command)]


def _plain(text: str) -> str:
    raw = text.encode(errors="surrogateescape")
    return _ESCAPE.sub(_character, raw).decode(errors="surrogateescape")


def _character(found: re.Match[bytes]) -> bytes:
    name = found[1]
    return bytes([int(name, 8)]) if len(name) == 3 else _NAMED.get(name, name)
