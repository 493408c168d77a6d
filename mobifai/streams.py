"""Tests whether a stream accepts output: a terminal may be stopped (Ctrl-S), and the reader of a pipe may be stuck."""

import select
from typing import TextIO

PATIENCE_SECONDS = 0.1
"""How many seconds to wait for a stream that does not accept output."""


def is_writable(stream: TextIO, seconds: float = PATIENCE_SECONDS) -> bool:
    """Return whether a stream accepts text within `seconds`. A stream without a descriptor always does."""
    try:
        return bool(select.select([], [stream.fileno()], [], seconds)[1])
    except (OSError, ValueError):  # it is in memory or closed: writing shows which
        return True
