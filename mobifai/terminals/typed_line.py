"""Tests whether the line that is being typed into a terminal has just begun."""

import re

from mobifai.limits import MAX_SEQUENCE

_ANSWER = re.compile(r"(?:\x1b\[[?>=]?[0-9;:]*[cnRuyIO]|\x1b[P\]_][^\x07\x1b]*(?:\x07|\x1b\\)){1,64}")
"""Input that nobody typed: answers of a terminal to a program's queries, and reports of its focus."""

_ENDS = ("\r", "\n", "\x03")


KEPT = MAX_SEQUENCE + 1
"""Characters kept of the end of each text for `is_new_after`. No terminal's answer is as long."""


def is_new_after(last: str | None, before: str | None) -> bool | None:
    """Return whether nothing was typed since the last Enter or Ctrl-C; None if that is unknown.

    `last` and `before` are the last text that was sent to the terminal, and the one before it.
    """
    for text in (last, before):
        if text is None:
            return None
        if text and (len(text) >= KEPT or not _ANSWER.fullmatch(text)):
            return text.endswith(_ENDS)
    return None
