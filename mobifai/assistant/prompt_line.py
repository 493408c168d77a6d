"""The command line at a shell's prompt, as a screen shows it. Pure.

A prompt is what stands before the cursor while nothing is typed. Where that is not known, each end of something that
looks like one may be where the line begins; a line that could be several things is all of them. What does not look as
a line that is being edited does is None.
"""

import re
from dataclasses import dataclass

from mobifai.assistant.grid import FILLER
from mobifai.assistant.screen import Cells

_END = re.compile(r"[$#%>\u276f\u279c\u03bb\u00bb\u203a\u25b6\u2717\u2718\u27e9\u2771\u26a1\ue0b0\ue0b4](?: +|\Z)")
"""The last character of most prompts."""

_CONTINUATION = re.compile(r" *(?:[a-z]+(?: [a-z]+)*)?> *|[.\u2026]+ *| *")
"""What shells show before the further lines of an unfinished command."""

_QUESTION = re.compile(r"(?:[?:]|\S\s+[(\[][^()\[\]]*[)\]][?:]?) *\Z")
"""How a question ends that a function of the shell asks: `Delete all? `, `Name: `, `Go on (y/n) `."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What stands before a command line in its first row, and where in it the line may begin."""

    text: str
    starts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """What Enter would run: one of these texts, the longest first.

    `parts`: what is before the cursor, with the prompt, and behind it.
    """

    texts: tuple[str, ...]
    parts: tuple[tuple[str, str], ...]

    @property
    def before_cursor(self) -> tuple[str, ...]:
        """The line with the prompt, up to the cursor."""
        return tuple(before for before, _ in self.parts)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is typed."""
        return not any(text.strip() for text in self.texts)

    @property
    def shown(self) -> str:
        """The line, for a person."""
        return self.texts[0].strip()


def find_prompt(screen: Cells, *, empty: bool | None) -> Prompt | None:
    """The prompt before the cursor. `empty`: nothing is typed (None: who knows)."""
    if not screen.plain or empty is False:
        return None
    text = _row(screen, screen.row)[: screen.column]
    ends = [found.end() for found in _END.finditer(text)]
    at_end = bool(ends) and ends[-1] == len(text)
    if _CONTINUATION.fullmatch(text) or _QUESTION.search(text):
        return None
    if not (at_end or (empty and text.endswith(" "))):
        return None
    return Prompt(text, (len(text),) if empty else tuple(ends))


def find_line(screen: Cells, prompt: Prompt, *, at_end: bool) -> Line | None:
    """The line that is edited after this prompt. `at_end`: nothing of it is behind the cursor.

    Then what stands there is a suggestion or a prompt at the right; else that can't be told, and it may be either.
    """
    if not screen.plain:
        return None
    last = screen.row
    while last + 1 < len(screen.rows) and _is_full(screen, last):
        last += 1
    if any(row.strip() for row in screen.rows[last + 1 :]):
        return None  # the line may go on there
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
    return Line(tuple(sorted(plain, key=len, reverse=True)), tuple(parts))


def _connected(screen: Cells) -> list[int]:
    """The cursor's row, and those before it as long as each is full: the line may begin in any of them."""
    rows = [screen.row]
    while rows[-1] > 0 and _is_full(screen, rows[-1] - 1):
        rows.append(rows[-1] - 1)
    return rows


def _is_full(screen: Cells, row: int) -> bool:
    return len(screen.rows[row]) >= screen.cols


def _row(screen: Cells, row: int) -> str:
    """A row, at least up to the cursor."""
    text = screen.rows[row]
    return text.ljust(screen.column) if row == screen.row else text
