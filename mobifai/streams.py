"""Whether somebody takes what is printed: a terminal may be stopped (Ctrl-S), and a pipe's reader may not read."""

import select
from typing import TextIO

PATIENCE_SECONDS = 0.1
"""How long to wait for a stream that takes nothing; who prints has other things to do."""


def is_writable(stream: TextIO, seconds: float = PATIENCE_SECONDS) -> bool:
    """Whether a stream takes text within so many seconds. One without a descriptor always does."""
    try:
        return bool(select.select([], [stream.fileno()], [], seconds)[1])
    except (OSError, ValueError):  # it is in memory, or closed: writing will tell
        return True
