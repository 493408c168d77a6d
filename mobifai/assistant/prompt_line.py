"""The command line at a shell's prompt, read from the screen. This module does no I/O.

The prompt is the text before the cursor while nothing is typed. If the screen was not read at that time, the line may
begin after anything that looks like the end of a prompt. Such an ambiguous line has several readings, and all of them
are kept. If the screen does not look as if a command line is being edited, the functions return None.
"""

import re
from dataclasses import dataclass

from mobifai.assistant.grid import FILLER
from mobifai.assistant.screen import Cells

_END = re.compile(r"[$#%>\u276f\u279c\u03bb\u00bb\u203a\u25b6\u2717\u2718\u27e9\u2771\u26a1\ue0b0\ue0b4](?: +|\Z)")
"""The last character of most prompts, and the spaces after it."""

_CONTINUATION = re.compile(r" *(?:[a-z]+(?: [a-z]+)*)?> *|[.\u2026]+ *| *")
"""The prompts that shells show before the further lines of an unfinished command."""

_QUESTION = re.compile(r"(?:[?:]|\S\s+[(\[][^()\[\]]*[)\]][?:]?) *\Z")
"""The end of a question that a program asks: `Delete all? `, `Name: `, `Continue (y/n) `."""


@dataclass(frozen=True, slots=True)
class ShellPrompt:
    """A shell's prompt on the screen: its text, and the columns at which the command line may begin."""

    text: str
    starts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PromptLine:
    """The command line that Enter would run. `texts` are its possible readings, the longest first.

    `parts` are, for each row in which the line may begin, the text before the cursor, including the prompt, and the
    text after the cursor.
    """

    texts: tuple[str, ...]
    parts: tuple[tuple[str, str], ...]

    @property
    def before_cursor(self) -> tuple[str, ...]:
        """The possible readings of the text before the cursor, including the prompt."""
        return tuple(before for before, _ in self.parts)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is typed."""
        return not any(text.strip() for text in self.texts)

    @property
    def shown(self) -> str:
        """The longest reading of the line, which is shown to the user."""
        return self.texts[0].strip()


def find_prompt(screen: Cells, *, empty: bool | None) -> ShellPrompt | None:
    """Return the shell's prompt in the cursor's row, or None if there is none.

    `empty`: nothing is typed after the prompt. If it is None, this is unknown. If it is False, return None.
    """
    if not screen.plain or empty is False:
        return None
    text = _row(screen, screen.row)[: screen.column]
    ends = [found.end() for found in _END.finditer(text)]
    at_end = bool(ends) and ends[-1] == len(text)
    if _CONTINUATION.fullmatch(text) or _QUESTION.search(text):
        return None
    if not (at_end or (empty and text.endswith(" "))):
        return None
    return ShellPrompt(text, (len(text),) if empty else tuple(ends))


def find_line(screen: Cells, prompt: ShellPrompt, *, at_end: bool) -> PromptLine | None:
    """Return the command line after this prompt, or None if the screen does not show one.

    `at_end`: the cursor is at the end of the line. Text after the cursor is then a suggestion or a prompt at the right
    edge. Otherwise this text may be one of these, or a part of the line.
    """
    if not screen.plain:
        return None
    last = screen.row
    while last + 1 < len(screen.rows) and _is_full(screen, last):
        last += 1
    if any(row.strip() for row in screen.rows[last + 1 :]):
        return None  # the line may continue there
    first_rows = [row for row in _connected(screen) if _row(screen, row).startswith(prompt.text)]
    if not first_rows:
        return None
    texts: list[str] = []
    parts: list[tuple[str, str]] = []
    for first in first_rows:
        whole = "".join(_row(screen, row) for row in range(first, last + 1))
        cursor = (screen.row - first) * screen.cols + screen.column
        before, behind = whole[:cursor], "" if at_end else whole[cursor:]
        parts.append((before.replace(FILLER, ""), behind.replace(FILLER, "")))
        for start in prompt.starts:
            texts += [(before + behind)[start:], before[start:]]
    plain = dict.fromkeys(text.replace(FILLER, "") for text in texts)
    return PromptLine(tuple(sorted(plain, key=len, reverse=True)), tuple(parts))


def _connected(screen: Cells) -> list[int]:
    """Return the indices of the cursor's row and of the full rows directly above it.

    The command line may begin in any of these rows.
    """
    rows = [screen.row]
    while rows[-1] > 0 and _is_full(screen, rows[-1] - 1):
        rows.append(rows[-1] - 1)
    return rows


def _is_full(screen: Cells, row: int) -> bool:
    return len(screen.rows[row]) >= screen.cols


def _row(screen: Cells, row: int) -> str:
    """Return the text of a row. The cursor's row is padded with spaces up to the cursor."""
    text = screen.rows[row]
    return text.ljust(screen.column) if row == screen.row else text
