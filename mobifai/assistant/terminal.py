"""What the assistant needs of terminals, and looking at one. Output is read from the terminal's ring, and not kept."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2s
from typing import Protocol

from mobifai.assistant import keys
from mobifai.assistant.redaction import Secrets
from mobifai.assistant.screen import Cells, Emulator, Picture

POLL_SECONDS = 0.03
"""How often a terminal is asked whether it has printed, while somebody waits for quiet."""

SECRET_CHARACTERS = 8_000
"""Of the screen, this much before and behind what is shown is searched for secrets that reach into it."""


UNSEEN = "\ufffd"


class Named(Protocol):
    """What a tab is to people."""

    @property
    def name(self) -> str:
        """Its name."""


class Foreground(Protocol):
    """The program that reads what is typed into a terminal."""

    @property
    def pid(self) -> int:
        """Its process group."""

    @property
    def name(self) -> str:
        """Its name; empty when that is not known."""

    @property
    def directory(self) -> str:
        """Where it works; empty when that is not known."""

    @property
    def canonical(self) -> bool:
        """Whether it leaves the editing of lines to the terminal."""

    @property
    def is_prompt(self) -> bool:
        """Whether it is an interactive shell that waits for a command line, which the screen shows."""

    @property
    def is_busy(self) -> bool:
        """Whether it is another program that does not read keys one by one: it may end by itself."""


class Terminal(Protocol):
    """A running terminal."""

    @property
    def uuid(self) -> str:
        """Its id."""

    @property
    def tab(self) -> Named:
        """Its tab."""

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows."""

    @property
    def position(self) -> int:
        """How many bytes it has printed so far."""

    @property
    def writes(self) -> int:
        """How often anybody has typed."""

    @property
    def line_is_new(self) -> bool | None:
        """Whether nobody has typed since the last Enter or Ctrl-C; None when that is not known."""

    def foreground(self) -> Foreground:
        """The program that reads what is typed."""

    def replay(self) -> bytes:
        """The kept output, safe to be shown to a freshly reset emulator: its modes first."""

    def write(self, text: str) -> None:
        """Type. Raises TerminalError."""


class Terminals(Protocol):
    """All of them."""

    @property
    def terminals(self) -> Sequence[Terminal]:
        """In the order of their tabs."""

    def find(self, uuid: str | None) -> Terminal:
        """One by its id, or the first active one. Raises TerminalError."""


@dataclass(frozen=True, slots=True)
class View:
    """A part of a screen, for the model: characters `start` to `end` of `total`. `id` changes with the content."""

    id: str
    text: str
    start: int
    end: int
    total: int
    picture: Picture

    def __str__(self) -> str:
        """The message's part. What is printed can't end it early: it would have to know its own digest."""
        seen = self.picture
        return (
            f"The screen: characters {self.start} to {self.end} of {self.total}; the terminal has {seen.cols} columns "
            f"and {seen.rows} rows, its visible part begins at character {seen.screen_at}, and the cursor is in row "
            f"{seen.row}, column {seen.column} of it.\n"
            f'<screen id="{self.id}">\n{self.text}\n</screen id="{self.id}">'
        )


@dataclass(frozen=True, slots=True)
class Slice:
    """Which characters are wanted. Without `start` and `end`: the last `length`."""

    length: int
    start: int | None = None
    end: int | None = None

    def of(self, total: int) -> tuple[int, int]:
        """The first and the last (exclusive) of at most `length` characters, within `total`."""
        if self.start is None:
            end = total if self.end is None else min(max(self.end, 0), total)
            return max(0, end - self.length), end
        start = min(max(self.start, 0), total)
        end = total if self.end is None else min(max(self.end, start), total)
        return start, min(end, start + self.length)


async def _emulate(terminal: Terminal, marked: str = "") -> Emulator:
    """Its screen. Others run meanwhile: a full ring of a full-screen program takes some 50 ms."""
    emulator = Emulator(*terminal.size, marked)
    for _ in emulator.feed(terminal.replay()):
        await asyncio.sleep(0)
    return emulator


async def look_at_cells(terminal: Terminal) -> Cells:
    """Look at the visible part of a terminal. A character with an invisible one is shown as UNSEEN."""
    return (await _emulate(terminal, UNSEEN)).cells()


async def look(terminal: Terminal, wanted: Slice, secrets: Secrets) -> View:
    """Look at a terminal, without the secrets on its screen."""
    picture = (await _emulate(terminal)).picture()
    total = len(picture.text)
    start, end = wanted.of(total)
    first = max(0, start - SECRET_CHARACTERS)
    text = secrets.mask(picture.text[first : end + SECRET_CHARACTERS], picture.cols)
    digest = blake2s(f"{total} {text}".encode("utf-8", "replace"), digest_size=8).hexdigest()
    return View(digest, text[start - first : end - first], start, end, total, picture)


def application_keys(terminal: Terminal) -> bool:
    """Whether the program in it wants application cursor keys."""
    return keys.application_mode(terminal.replay())


async def quiet(terminal: Terminal, seconds: float, at_most: float, clock: Callable[[], float]) -> bool:
    """Wait until it has printed nothing for `seconds`; False when it still prints after `at_most`."""
    give_up = clock() + at_most
    position, since = terminal.position, clock()
    while (now := clock()) - since < seconds:
        if now >= give_up:
            return False
        await asyncio.sleep(min(POLL_SECONDS, seconds))
        if terminal.position != position:
            position, since = terminal.position, clock()
    return True
