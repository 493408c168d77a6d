"""Reads a terminal's screen for the assistant. The output is read from the ring each time, and not stored."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2s

from mobifai.assistant import keys
from mobifai.assistant.redaction import Secrets
from mobifai.assistant.screen import Cells, Emulator, Picture
from mobifai.terminals.terminal import Terminal

POLL_SECONDS = 0.03
"""The interval in seconds between two checks for new output while the assistant waits until a terminal is quiet."""

SECRET_CHARACTERS = 8_000
"""The number of characters before and after the shown part of a screen that are searched too, for secrets that extend
into the shown part."""


UNSEEN = "\ufffd"


@dataclass(frozen=True, slots=True)
class View:
    """A part of a terminal's screen for the model: the characters `start` to `end` of `total`.

    `id` is a digest of the text.
    """

    id: str
    text: str
    start: int
    end: int
    total: int
    picture: Picture

    def __str__(self) -> str:
        """Format the part for a message to the model.

        The end marker contains a digest of the text, so printed text can't imitate it.
        """
        seen = self.picture
        return (
            f"The screen: characters {self.start} to {self.end} of {self.total}; the terminal has {seen.cols} columns "
            f"and {seen.rows} rows, its visible part begins at character {seen.screen_at}, and the cursor is in row "
            f"{seen.row}, column {seen.column} of it.\n"
            f'<screen id="{self.id}">\n{self.text}\n</screen id="{self.id}">'
        )


@dataclass(frozen=True, slots=True)
class Slice:
    """The part of a screen that is requested: at most `length` characters, by default the last ones."""

    length: int
    start: int | None = None
    end: int | None = None

    def of(self, total: int) -> tuple[int, int]:
        """Return the start and the end (exclusive) of this part in a screen of `total` characters."""
        if self.start is None:
            end = total if self.end is None else min(max(self.end, 0), total)
            return max(0, end - self.length), end
        start = min(max(self.start, 0), total)
        end = total if self.end is None else min(max(self.end, start), total)
        return start, min(end, start + self.length)


async def _emulate(terminal: Terminal, marked: str = "") -> Emulator:
    """Emulate a terminal's screen from its ring. Other tasks run meanwhile, since a full ring takes about 50 ms."""
    emulator = Emulator(*terminal.size, marked)
    for _ in emulator.feed(terminal.replay()):
        await asyncio.sleep(0)
    return emulator


async def look_at_cells(terminal: Terminal) -> Cells:
    """Read the visible rows of a terminal. A character that is followed by an invisible one is replaced by UNSEEN."""
    return (await _emulate(terminal, UNSEEN)).cells()


async def look(terminal: Terminal, wanted: Slice, secrets: Secrets) -> View:
    """Read the part of a terminal's screen that `wanted` describes. The secrets in it are masked."""
    picture = (await _emulate(terminal)).picture()
    total = len(picture.text)
    start, end = wanted.of(total)
    first = max(0, start - SECRET_CHARACTERS)
    text = secrets.mask(picture.text[first : end + SECRET_CHARACTERS], picture.cols)
    digest = blake2s(f"{total} {text}".encode("utf-8", "replace"), digest_size=8).hexdigest()
    return View(digest, text[start - first : end - first], start, end, total, picture)


def application_keys(terminal: Terminal) -> bool:
    """Return whether the program in a terminal has enabled application cursor keys."""
    return keys.application_mode(terminal.replay())


async def quiet(terminal: Terminal, seconds: float, at_most: float, clock: Callable[[], float]) -> bool:
    """Wait until the terminal has printed nothing for `seconds`, and return True.

    Return False if it still prints after `at_most` seconds.
    """
    give_up = clock() + at_most
    position, since = terminal.position, clock()
    while (now := clock()) - since < seconds:
        if now >= give_up:
            return False
        await asyncio.sleep(min(POLL_SECONDS, seconds))
        if terminal.position != position:
            position, since = terminal.position, clock()
    return True
