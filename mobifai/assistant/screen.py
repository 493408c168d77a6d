"""A small xterm emulator that converts a terminal's output to the text on its screen.

It supports sequences of ECMA-48 and of xterm (ctlseqs), without colours. It accepts any input and ignores unknown
sequences. This module does no I/O.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mobifai.assistant.grid import FILLER, Grid, cells, takes_no_cell

SLICE = 500
"""The number of texts, escape sequences and lines that are processed between two pauses, which takes about a
millisecond."""

_PIECE = re.compile(
    r"([^\x00-\x1f\x7f-\x9f]{1,512})"  # text
    r"|\x1b\[([0-?]*)([ -/]*)([@-~])"  # control sequence
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"  # title, settings and other strings
    r"|\x1b([ -/]*)([0-~])"  # escape sequence
    r"|([\x00-\x1f\x7f-\x9f])"  # control character
)
_GRAPHICS = str.maketrans("`afgijklmnopqrstuvwxyz{|}~", "◆▒°±␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·")


@dataclass(frozen=True, slots=True)
class Picture:
    """The text of a screen and its history. `screen_at` is the index in `text` at which the visible part begins.

    `row` and `column` are those of the cursor, and count from 1.
    """

    text: str
    screen_at: int
    row: int
    column: int
    cols: int
    rows: int


@dataclass(frozen=True, slots=True)
class Cells:
    """The visible rows, with one character for each cell (see `grid`). `row` and `column` of the cursor count from 0.

    A row ends with its last written cell. A row of `cols` cells may continue in the next row. The cursor's column is
    `cols` after a character was written in the last column. `alternate`: a full-screen program draws the rows. `plain`:
    the output of a shell appears completely, and at the position where it was printed.
    """

    rows: tuple[str, ...]
    row: int
    column: int
    cols: int
    alternate: bool
    plain: bool

    @property
    def cursor_row(self) -> str:
        """The cursor's row as text, without spaces at its end."""
        return self.rows[self.row].replace(FILLER, "").rstrip()

    @property
    def before_cursor(self) -> str:
        """The text of the cursor's row before the cursor."""
        return self.rows[self.row][: self.column].ljust(self.column).replace(FILLER, "")


class Emulator:
    """A screen of `cols` by `rows` cells. Call `feed` with a terminal's output, then `picture` or `cells`.

    `marked`, if not empty, replaces a character that is followed by a combining mark or an invisible character.
    """

    def __init__(self, cols: int, rows: int, marked: str = "") -> None:
        self._marked = marked
        self._cols, self._rows = max(1, cols), max(1, rows)
        self._reset()

    def _reset(self) -> None:
        self._grid = Grid(self._cols, self._rows)
        self._y = self._x = 0  # _x is _cols after a character in the last column: the next one goes to the next line
        self._saved = (0, 0)
        self._wraps, self._inserts, self._graphics = True, False, False
        self._last = " "
        self._work = 0

    def picture(self) -> Picture:
        """Return the present screen and its history as text."""
        text, screen_at = self._grid.text(self._y)
        return Picture(text, screen_at, self._y + 1, self._column + 1, self._cols, self._rows)

    def cells(self) -> Cells:
        """Return the present visible rows."""
        grid = self._grid
        whole = not grid.alternate and (grid.top, grid.bottom) == (0, self._rows - 1)
        plain = whole and self._wraps and not self._inserts and not self._graphics
        return Cells(tuple(grid.lines), self._y, self._x, self._cols, grid.alternate, plain)

    @property
    def _column(self) -> int:
        return min(self._x, self._cols - 1)

    def feed(self, output: bytes) -> Iterator[None]:
        """Process a terminal's output while the returned iterator is consumed.

        The iterator yields regularly, so that its caller can let other tasks run.
        """
        for piece in _PIECE.finditer(output.decode("utf-8", "replace")):
            text, numbers, between, final, charset, escape, control = piece.groups()
            if text is not None:
                self._put(text)
            elif final is not None:
                self._sequence(numbers, between, final)
            elif escape is not None:
                self._escape(charset, escape)
            elif control is not None:
                self._control(control)
            self._work += 1
            if self._work >= SLICE:
                self._work = 0
                yield

    # -- text

    def _put(self, text: str) -> None:
        if not text.isascii():
            if self._marked and takes_no_cell(text[0]):
                self._mark()
            text = cells(text, self._marked)
        elif self._graphics:
            text = text.translate(_GRAPHICS)
        self._last = text[-1:] or self._last
        self._put_cells(text)

    def _mark(self) -> None:
        """Replace the character before the cursor by `marked`."""
        line, column = self._grid.lines[self._y], self._x - 1
        column -= line[column : column + 1] == FILLER
        if column >= 0:
            self._grid.write(self._y, column, self._marked, insert=False)

    def _put_cells(self, text: str) -> None:
        at = 0
        while at < len(text):
            if self._x >= self._cols and not self._wraps:
                self._x, at = self._cols - 1, len(text) - 1
            elif self._x >= self._cols:
                self._x = 0
                self._work += 1
                self._line_feed()
            part = text[at : at + self._cols - self._x]
            self._grid.write(self._y, self._x, part, self._inserts)
            self._x += len(part)
            at += len(part)

    # -- control characters and escape sequences

    def _control(self, control: str) -> None:
        match control:
            case "\r":
                self._x = 0
            case "\n" | "\v" | "\f" | "\x84":
                self._line_feed()
            case "\b":
                self._x = max(0, self._column - 1)
            case "\t":
                self._x = min(self._cols - 1, self._x // 8 * 8 + 8)
            case "\x85":
                self._escape("", "E")
            case "\x8d":
                self._escape("", "M")

    def _escape(self, charset: str, escape: str) -> None:
        match charset, escape:
            case "(", _:
                self._graphics = escape == "0"
            case "", "7":
                self._saved = (self._y, self._x)
            case "", "8":
                self._y, self._x = self._saved
            case "", "D":
                self._line_feed()
            case "", "E":
                self._x = 0
                self._line_feed()
            case "", "M":
                self._reverse_line_feed()
            case "", "c":
                self._reset()

    def _line_feed(self) -> None:
        if self._y == self._grid.bottom:
            self._grid.scroll_up(1)
        elif self._y < self._rows - 1:
            self._y += 1

    def _reverse_line_feed(self) -> None:
        if self._y == self._grid.top:
            self._grid.insert_lines(self._y, 1)
        elif self._y > 0:
            self._y -= 1

    # -- control sequences

    def _sequence(self, numbers: str, between: str, final: str) -> None:
        if numbers[:1] == "?" and not between and final in "hl":
            for number in _numbers(numbers[1:]):
                self._mode(number, final == "h")
        elif between == "!" and final == "p":
            self._grid.region(0, self._rows - 1)
            self._wraps, self._inserts = True, False
        elif not between and numbers[:1] not in ("?", ">", "<", "="):
            given = _numbers(numbers)
            self._move_across(final, max(1, given[0]))
            self._move_down(final, given)
            self._edit(final, given)

    def _mode(self, number: int, on: bool) -> None:
        if number == 7:
            self._wraps = on
        elif number in (47, 1047, 1049):
            if on and not self._grid.alternate:
                self._saved = (self._y, self._x)
            self._grid.switch(on)
            if number == 1049 and not on:
                self._y, self._x = self._saved
        elif number == 1048:
            self._escape("", "7" if on else "8")

    def _move_across(self, final: str, count: int) -> None:
        match final:
            case "C" | "a":
                self._x = min(self._cols - 1, self._column + count)
            case "D":
                self._x = max(0, self._column - count)
            case "E" | "F":
                self._x = 0
            case "G" | "`":
                self._x = min(self._cols, count) - 1
            case "I":
                self._x = min(self._cols - 1, (self._column // 8 + count) * 8)
            case "Z":
                self._x = max(0, (self._column + 7) // 8 - count) * 8

    def _move_down(self, final: str, given: list[int]) -> None:
        count, grid = max(1, given[0]), self._grid
        match final:
            case "A" | "F":
                self._y = max(grid.top if self._y >= grid.top else 0, self._y - count)
            case "B" | "E" | "e":
                self._y = min(grid.bottom if self._y <= grid.bottom else self._rows - 1, self._y + count)
            case "d":
                self._y = min(self._rows, count) - 1
            case "H" | "f":
                self._y = min(self._rows, count) - 1
                self._x = min(self._cols, max(1, given[1] if len(given) > 1 else 1)) - 1
            case "s":
                self._saved = (self._y, self._x)
            case "u":
                self._y, self._x = self._saved

    def _edit(self, final: str, given: list[int]) -> None:
        count, grid = max(1, given[0]), self._grid
        match final:
            case "J":
                grid.erase_screen(self._y, self._column, given[0])
            case "K":
                grid.erase_line(self._y, self._column, given[0])
            case "L" if grid.top <= self._y <= grid.bottom:
                grid.insert_lines(self._y, count)
            case "M" if grid.top <= self._y <= grid.bottom:
                grid.delete_lines(self._y, count)
            case "S":
                grid.scroll_up(count)
            case "T" if len(given) == 1:
                grid.insert_lines(grid.top, count)
            case "r":
                self._set_region(given)
            case _:
                self._edit_line(final, min(count, self._cols), given)

    def _edit_line(self, final: str, count: int, given: list[int]) -> None:
        match final:
            case "@":
                self._grid.insert_blanks(self._y, self._column, count)
            case "P":
                self._grid.delete_characters(self._y, self._column, count)
            case "X":
                self._grid.write(self._y, self._column, " " * count, insert=False)
            case "b":
                self._put_cells(self._last * count)
            case "h" | "l" if given[0] == 4:
                self._inserts = final == "h"

    def _set_region(self, given: list[int]) -> None:
        last = given[1] if len(given) > 1 and given[1] else self._rows
        if self._grid.region(max(1, given[0]) - 1, min(self._rows, last) - 1):
            self._y = self._x = 0


def _numbers(text: str) -> list[int]:
    """Return the parameters of an escape sequence as numbers, at least one.

    A missing parameter becomes 0. Numbers are limited to 9999.
    """
    parts = re.split("[;:]", text[:64])[:16]
    return [min(int(part), 9999) if part.isdecimal() else 0 for part in parts]
