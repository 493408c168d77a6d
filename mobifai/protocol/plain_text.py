"""Text from a peer, made safe to show in a log, a status line or an error message."""

import re

_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")

MAX_REMARK = 200
"""Characters that are shown of a peer's message: a sentence or two."""


def one_line(text: object, most: int = MAX_REMARK) -> str:
    """Return the text on one line, without control and direction characters, and cut after `most` characters."""
    full = str(text)[: 4 * most]
    shown = _UNSAFE.sub(" ", full).strip()
    return shown if len(shown) <= most else f"{shown[: most - 3]}..."
