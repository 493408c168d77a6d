"""What others have to know of the input of a terminal: how often, how lately, and whether a line has begun."""

import re
import time

from mobifai.limits import MAX_SEQUENCE

_ANSWER = re.compile(r"(?:\x1b\[[?>=]?[0-9;:]*[cnRuyIO]|\x1b[P\]_][^\x07\x1b]*(?:\x07|\x1b\\)){1,64}")
"""Answers of a terminal to a program's questions, and reports of its focus, which nobody typed."""

_ENDS = ("\r", "\n", "\x03")


ECHO_EXPECTED_SECONDS = 0.02
"""For so long after a key the terminal's output is sent as it comes."""

KEPT = MAX_SEQUENCE + 1
"""Characters kept of the end of each text for `is_new_after`. No terminal's answer is as long."""


def is_new_after(last: str | None, before: str | None) -> bool | None:
    """Return whether nothing was typed since the last Enter or Ctrl-C, by the last two texts; None if unknown."""
    for text in (last, before):
        if text is None:
            return None
        if text and (len(text) >= KEPT or not _ANSWER.fullmatch(text)):
            return text.endswith(_ENDS)
    return None


class TypedInput:
    """The input of one terminal. `used`: somebody has typed into it before, under an earlier agent."""

    def __init__(self, *, used: bool, fresh: bool) -> None:
        self.ever = used
        self.count = 0
        self._at = float("-inf")
        self._last = self._before = "\r" if fresh else None  # as at a shell's first prompt

    def add(self) -> None:
        """Count an attempt to type, also one that the terminal refuses."""
        self.ever = True
        self.count += 1

    def accepted(self, text: str) -> None:
        """Note a text that the terminal has taken."""
        self._at = time.monotonic()
        self._before, self._last = self._last, text[-KEPT:]

    @property
    def recently(self) -> bool:
        """Whether somebody typed a moment ago and waits for the echo, or for the prompt after a Ctrl-C."""
        return time.monotonic() - self._at < ECHO_EXPECTED_SECONDS

    @property
    def line_is_new(self) -> bool | None:
        """Whether nothing was typed since the last Enter or Ctrl-C; None when that is not known."""
        return is_new_after(self._last, self._before)
