"""Whether the line that is typed into a terminal has just begun. Pure."""

import re

from mobifai.limits import MAX_SEQUENCE

_ANSWER = re.compile(r"(?:\x1b\[[?>=]?[0-9;:]*[cnRuyIO]|\x1b[P\]_][^\x07\x1b]*(?:\x07|\x1b\\)){1,64}")
"""What a terminal says by itself: answers to a program's questions, and whether it has the focus."""

_ENDS = ("\r", "\n", "\x03")


KEPT = MAX_SEQUENCE + 1
"""Of a text, so many last characters are kept for `is_new_after`. No terminal answers with that many."""


def is_new_after(last: str | None, before: str | None) -> bool | None:
    """Whether nothing was typed since the last Enter or Ctrl-C, by the last two texts; None: that is not known."""
    for text in (last, before):
        if text is None:
            return None
        if text and (len(text) >= KEPT or not _ANSWER.fullmatch(text)):
            return text.endswith(_ENDS)
    return None
