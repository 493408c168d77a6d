"""A terminal's output as the text that a person would see: a small emulator of an xterm.

It keeps one screen, the lines that scrolled out at its top, and the main screen while a full-screen program has the
alternate one; all of it lives for one look. Sequences are those of ECMA-48 and xterm's ctlseqs. Colours are passed
over. Pure; any input is taken, and what it does not know changes nothing.
"""

import re
import unicodedata
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

HISTORY_LINES = 5_000
"""Lines kept above the screen: a ring of 100 KB with lines of 20 characters."""

SLICE = 1_000
"""Pieces of output between two pauses: about a millisecond of work."""

_PIECE = re.compile(
    r"([^\x00-\x1f\x7f-\x9f]+)"  # text
    r"|\x1b\[([0-?]*)([ -/]*)([@-~])"  # control sequence
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"  # title, settings and other strings
    r"|\x1b([ -/]*)([0-~])"  # escape sequence
    r"|([\x00-\x1f\x7f-\x9f])"  # control character
)
_GRAPHICS = str.maketrans("`afgijklmnopqrstuvwxyz{|}~", "◆▒°±␉␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·")
_FILLER = "\0"
"""The second cell of a wide character."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What is to be seen. `screen_at`: where in `text` the visible screen begins; row and column count from 1."""

    text: str
    screen_at: int
    row: int
    column: int
    cols: int
    rows: int


class Emulator:
    """A screen of `cols` by `rows` cells. Feed it output, then take a picture."""

    def __init__(self, cols: int, rows: int) -> None:
        self._cols, self._rows = max(1, cols), max(1, rows)
        self._above: deque[str] = deque(maxlen=HISTORY_LINES)
        self._reset()

    def _reset(self) -> None:
        self._lines = [""] * self._rows
        self._main: list[str] | None = None
        self._saved = (0, 0)
        self._y = self._x = 0
        self._top, self._bottom = 0, self._rows - 1
        self._wraps, self._inserts, self._graphics = True, False, False
        self._last = " "

    def picture(self) -> Picture:
        """What is to be seen now. Blank lines at the end are left out."""
        screen = [line.replace(_FILLER, "").rstrip() for line in self._lines]
        while len(screen) > self._y + 1 and not screen[-1]:
            screen.pop()
        above = [] if self._main is not None else [line.replace(_FILLER, "").rstrip() for line in self._above]
        head = "".join(f"{line}\n" for line in above)
        column = min(self._x, self._cols - 1) + 1
        return Picture(head + "\n".join(screen), len(head), self._y + 1, column, self._cols, self._rows)

    def feed(self, output: bytes) -> Iterator[None]:
        """Take output; pauses now and then, for others to run."""
        for number, piece in enumerate(_PIECE.finditer(output.decode("utf-8", "replace")), 1):
            text, numbers, between, final, charset, escape, control = piece.groups()
            if text is not None:
                self._put(text)
            elif final is not None:
                self._sequence(numbers, between, final)
            elif escape is not None:
                self._escape(charset, escape)
            elif control is not None:
                self._control(control)
            if not number % SLICE:
                yield

    # -- text

    def _put(self, text: str) -> None:
        if not text.isascii():
            text = _cells(text)
        elif self._graphics:
            text = text.translate(_GRAPHICS)
        self._last = text[-1:] or self._last
        while text:
            if self._x >= self._cols:
                text = self._at_the_edge(text)
            part, text = text[: self._cols - self._x], text[self._cols - self._x :]
            self._write(part)

    def _at_the_edge(self, text: str) -> str:
        if self._wraps:
            self._x = 0
            self._line_feed()
            return text
        self._x = self._cols - 1
        return text[-1]

    def _write(self, part: str) -> None:
        line = self._lines[self._y]
        if len(line) < self._x:
            line = line.ljust(self._x)
        end = self._x if self._inserts else self._x + len(part)
        self._lines[self._y] = (line[: self._x] + part + line[end:])[: self._cols]
        self._x += len(part)

    # -- control characters and escape sequences

    def _control(self, control: str) -> None:
        match control:
            case "\r":
                self._x = 0
            case "\n" | "\v" | "\f" | "\x84":
                self._line_feed()
            case "\b":
                self._x = max(0, min(self._x, self._cols - 1) - 1)
            case "\t":
                self._x = min(self._cols - 1, self._x // 8 * 8 + 8)
            case "\x85":
                self._escape("", "E")
            case "\x8d":
                self._escape("", "M")

    def _escape(self, charset: str, escape: str) -> None:
        if charset:
            if charset == "(":
                self._graphics = escape == "0"
            return
        match escape:
            case "7":
                self._saved = (self._y, self._x)
            case "8":
                self._y, self._x = self._saved
            case "D":
                self._line_feed()
            case "E":
                self._x = 0
                self._line_feed()
            case "M":
                self._reverse_line_feed()
            case "c":
                self._reset()

    def _line_feed(self) -> None:
        if self._y == self._bottom:
            self._scroll_up(1)
        elif self._y < self._rows - 1:
            self._y += 1

    def _reverse_line_feed(self) -> None:
        if self._y == self._top:
            self._shift_down(self._top, 1)
        elif self._y > 0:
            self._y -= 1

    def _scroll_up(self, count: int) -> None:
        count = min(count, self._bottom - self._top + 1)
        if self._top == 0 and self._main is None:
            self._above.extend(self._lines[:count])
        self._shift_up(self._top, count)

    def _shift_up(self, top: int, count: int) -> None:
        count = min(count, self._bottom - top + 1)
        self._lines[top : self._bottom + 1] = self._lines[top + count : self._bottom + 1] + [""] * count

    def _shift_down(self, top: int, count: int) -> None:
        count = min(count, self._bottom - top + 1)
        self._lines[top : self._bottom + 1] = [""] * count + self._lines[top : self._bottom + 1 - count]

    # -- control sequences

    def _sequence(self, numbers: str, between: str, final: str) -> None:
        if numbers[:1] in ("?", ">", "<", "="):
            if numbers[0] == "?" and not between and final in "hl":
                for number in _numbers(numbers[1:]):
                    self._mode(number, final == "h")
            return
        if between:
            if between == "!" and final == "p":
                self._top, self._bottom, self._wraps, self._inserts = 0, self._rows - 1, True, False
            return
        given = _numbers(numbers)
        if not self._move(final, given):
            self._edit(final, given)

    def _mode(self, number: int, on: bool) -> None:
        if number == 7:
            self._wraps = on
        elif number in (47, 1047, 1049):
            self._switch(on)
            if number == 1049 and not on:
                self._y, self._x = self._saved
        elif number == 1048:
            self._escape("", "7" if on else "8")

    def _switch(self, to_alternate: bool) -> None:
        if to_alternate and self._main is None:
            self._saved = (self._y, self._x)
            self._main, self._lines = self._lines, [""] * self._rows
        elif not to_alternate and self._main is not None:
            self._lines, self._main = self._main, None

    def _move(self, final: str, given: list[int]) -> bool:
        count = max(1, given[0])
        column = min(self._x, self._cols - 1)
        match final:
            case "A":
                self._y = max(self._top if self._y >= self._top else 0, self._y - count)
            case "B" | "e":
                self._y = min(self._bottom if self._y <= self._bottom else self._rows - 1, self._y + count)
            case "C" | "a":
                self._x = min(self._cols - 1, column + count)
            case "D":
                self._x = max(0, column - count)
            case "E" | "F":
                self._x = 0
                self._move("B" if final == "E" else "A", given)
            case "G" | "`":
                self._x = min(self._cols, count) - 1
            case "d":
                self._y = min(self._rows, count) - 1
            case "H" | "f":
                self._y = min(self._rows, count) - 1
                self._x = min(self._cols, max(1, given[1] if len(given) > 1 else 1)) - 1
            case "I":
                self._x = min(self._cols - 1, (column // 8 + count) * 8)
            case "Z":
                self._x = max(0, (column + 7) // 8 - count) * 8
            case "s":
                self._saved = (self._y, self._x)
            case "u":
                self._y, self._x = self._saved
            case _:
                return False
        return True

    def _edit(self, final: str, given: list[int]) -> None:
        count = max(1, given[0])
        match final:
            case "J":
                self._erase_screen(given[0])
            case "K":
                self._erase_line(given[0])
            case "L" | "M" if self._top <= self._y <= self._bottom:
                (self._shift_down if final == "L" else self._shift_up)(self._y, count)
            case "S":
                self._scroll_up(count)
            case "T" if len(given) == 1:
                self._shift_down(self._top, count)
            case "@" | "P" | "X":
                self._edit_line(final, min(count, self._cols))
            case "b":
                self._put(self._last * min(count, self._cols))
            case "r":
                self._region(given)
            case "h" | "l" if given[0] == 4:
                self._inserts = final == "h"

    def _edit_line(self, final: str, count: int) -> None:
        line = self._lines[self._y].ljust(self._x)
        before, after = line[: self._x], line[self._x :]
        if final == "@":
            after = " " * count + after
        else:
            after = (" " * count if final == "X" else "") + after[count:]
        self._lines[self._y] = (before + after)[: self._cols]

    def _erase_line(self, what: int) -> None:
        line = self._lines[self._y]
        if what == 0:
            self._lines[self._y] = line[: self._x]
        elif what == 1:
            self._lines[self._y] = " " * (self._x + 1) + line[self._x + 1 :]
        elif what == 2:
            self._lines[self._y] = ""

    def _erase_screen(self, what: int) -> None:
        if what == 0:
            self._erase_line(0)
            self._lines[self._y + 1 :] = [""] * (self._rows - self._y - 1)
        elif what == 1:
            self._erase_line(1)
            self._lines[: self._y] = [""] * self._y
        elif what == 2:
            self._lines = [""] * self._rows
        elif what == 3:
            self._above.clear()

    def _region(self, given: list[int]) -> None:
        top = max(1, given[0]) - 1
        bottom = min(self._rows, given[1] if len(given) > 1 and given[1] else self._rows) - 1
        if top < bottom:
            self._top, self._bottom = top, bottom
            self._y = self._x = 0


def _numbers(text: str) -> list[int]:
    """The parameters of a sequence, at least one; a missing one is 0, and none is larger than any screen."""
    parts = re.split("[;:]", text[:64])[:16]
    return [min(int(part), 9999) if part.isdecimal() else 0 for part in parts]


def _cells(text: str) -> str:
    """A text with one character for each cell: marks are composed or dropped, a wide one is followed by a filler."""
    cells = []
    for character in unicodedata.normalize("NFC", text):
        if unicodedata.category(character) in ("Mn", "Me", "Cf"):
            continue
        cells.append(character)
        if unicodedata.east_asian_width(character) in "WF":
            cells.append(_FILLER)
    return "".join(cells)
