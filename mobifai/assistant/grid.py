"""The lines of a terminal's screen, and the lines that have scrolled off its top. This module does no I/O.

A line is a text with one character for each cell, up to the last written cell. A wide character is followed by FILLER.
The grid has no cursor: callers pass rows and columns, which count from 0 and are within the screen.
"""

import re
import unicodedata
from collections import deque

HISTORY_LINES = 2_500
"""The number of lines that are kept above the screen. With 40 characters a line, they take 100 KB."""

HISTORY_CHARACTERS = 100_000
"""The maximum number of characters of the lines above the screen that are shown. (A program can fill these lines with
little output by the sequence REP, which repeats a character.)"""

FILLER = "\0"

_SURE_WIDTH = re.compile(
    r"[ -~\u00a1-\u00ac\u00ae-\u02ff\u0386-\u038a\u038e-\u03a1\u03a3-\u0482\u048a-\u052f\u1e00-\u1eff"
    r"\u2010-\u2027\u2030-\u205e\u20a0-\u20bf\u3001-\u3029\u3041-\u3096\u309b-\u30ff\u4e00-\u9fa5\uac00-\ud7a3\uff01-\uff5e]*"
)
"""Texts of characters on whose width all programs agree. The width of emoji, marks and parts of letters depends on the
program and its version."""


class Grid:
    """A screen of `cols` by `rows` cells. The lines from `top` to `bottom` scroll."""

    def __init__(self, cols: int, rows: int) -> None:
        self.cols, self.rows = cols, rows
        self.lines = [""] * rows
        self.above: deque[str] = deque(maxlen=HISTORY_LINES)
        self.top, self.bottom = 0, rows - 1
        self._main: list[str] | None = None

    @property
    def alternate(self) -> bool:
        """Whether the alternate screen is active. Its lines do not scroll into the history."""
        return self._main is not None

    def switch(self, to_alternate: bool) -> None:
        """Switch to the alternate screen, which begins blank, or back to the main screen."""
        if to_alternate and self._main is None:
            self._main, self.lines = self.lines, [""] * self.rows
        elif not to_alternate and self._main is not None:
            self.lines, self._main = self._main, None

    def region(self, top: int, bottom: int) -> bool:
        """Set the first and the last line of the scroll region.

        Return False, and change nothing, for fewer than two lines.
        """
        if top < bottom:
            self.top, self.bottom = top, bottom
        return top < bottom

    # -- scrolling

    def scroll_up(self, count: int) -> None:
        """Scroll the region up by `count` lines.

        On the main screen, lines that leave the top of the screen go into the history.
        """
        count = min(count, self.bottom - self.top + 1)
        if self.top == 0 and not self.alternate:
            self.above.extend(self.lines[:count])
        self.delete_lines(self.top, count)

    def delete_lines(self, row: int, count: int) -> None:
        """Delete `count` lines at a row; the lines below move up."""
        count = min(count, self.bottom - row + 1)
        del self.lines[row : row + count]
        self.lines[self.bottom + 1 - count : self.bottom + 1 - count] = [""] * count

    def insert_lines(self, row: int, count: int) -> None:
        """Insert `count` blank lines at a row; the lines below move down."""
        count = min(count, self.bottom - row + 1)
        del self.lines[self.bottom + 1 - count : self.bottom + 1]
        self.lines[row:row] = [""] * count

    # -- one line

    def write(self, row: int, column: int, text: str, insert: bool) -> None:
        """Write a text at a position. It replaces the text there or, if `insert`, moves that text to the right."""
        line = self.lines[row].ljust(column)
        rest = line[column if insert else column + len(text) :]
        self.lines[row] = (line[:column] + text + rest)[: self.cols]

    def insert_blanks(self, row: int, column: int, count: int) -> None:
        """Insert `count` blanks at a position. The text there moves to the right."""
        self.write(row, column, " " * count, insert=True)

    def delete_characters(self, row: int, column: int, count: int) -> None:
        """Delete `count` characters at a position; the text after them moves to the left."""
        line = self.lines[row]
        self.lines[row] = line[:column] + line[column + count :]

    def erase_line(self, row: int, column: int, what: int) -> None:
        """Erase a line from a column to its end (`what` is 0), from its start to the column (1), or entirely (2)."""
        line = self.lines[row]
        if what == 0:
            self.lines[row] = line[:column]
        elif what == 1:
            self.lines[row] = " " * (column + 1) + line[column + 1 :]
        elif what == 2:
            self.lines[row] = ""

    def erase_screen(self, row: int, column: int, what: int) -> None:
        """Erase a part of the screen, or the history.

        `what` is 0 for the part from the position on, 1 for the part up to the position, 2 for the whole screen, and 3
        for the history above the screen.
        """
        if what == 0:
            self.erase_line(row, column, 0)
            self.lines[row + 1 :] = [""] * (self.rows - row - 1)
        elif what == 1:
            self.erase_line(row, column, 1)
            self.lines[:row] = [""] * row
        elif what == 2:
            self.lines = [""] * self.rows
        elif what == 3:
            self.above.clear()

    # -- as text

    def text(self, cursor_row: int) -> tuple[str, int]:
        """Return the history and the screen as text, and the index in this text at which the screen begins.

        Blank lines below the cursor are left out. On the alternate screen, the history is left out too.
        """
        screen = [_plain(line) for line in self.lines]
        while len(screen) > cursor_row + 1 and not screen[-1]:
            screen.pop()
        head = "" if self.alternate else "".join(f"{_plain(line)}\n" for line in self.above)
        if len(head) > HISTORY_CHARACTERS:  # whole lines: part of a secret would not be recognized
            head = head[-HISTORY_CHARACTERS:].partition("\n")[2]
        return head + "\n".join(screen), len(head)


def _plain(line: str) -> str:
    return line.replace(FILLER, "").rstrip()


_COMPOSED = re.compile(r"[^\W\d_][\u0300-\u036f\u3099\u309a]+|[\u1100-\u1112][\u1161-\u1175][\u11a8-\u11c2]?")


def composed(text: str) -> str:
    """Replace letters with combining marks by single characters, but never by a character that a shell interprets."""
    return _COMPOSED.sub(lambda found: unicodedata.normalize("NFC", found[0]), text)


def takes_no_cell(character: str) -> bool:
    """Return whether a character takes no cell of a screen, because it is a combining mark or invisible."""
    return unicodedata.category(character) in ("Mn", "Me", "Cf")


def cells(text: str, marked: str = "") -> str:
    """Return a text with one character for each cell. Combining marks are merged with their letters, or dropped.

    `marked`, if not empty, replaces a character whose mark is dropped.
    """
    found: list[str] = []
    for character in composed(text):
        if takes_no_cell(character):
            if marked and found:
                found[-1 if found[-1] != FILLER else -2] = marked
            continue
        found.append(character)
        if unicodedata.east_asian_width(character) in "WF":
            found.append(FILLER)
    return "".join(found)


def has_sure_width(text: str) -> bool:
    """Return whether all programs agree on the number of cells of this text."""
    return bool(_SURE_WIDTH.fullmatch(text))
