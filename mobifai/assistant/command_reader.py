"""Types at a shell's prompt, and reads the resulting command line from the terminal's screen.

The reader waits for the effect of every keystroke on the screen, so that the line that it reads is the one that Enter
would run. If the effect does not appear, or something else changes the line, the reader is uncertain until the next
shell prompt. The same is true if the shell and the screen may disagree on the width of a character: an edit could then
overwrite other text.
"""

import asyncio
from collections.abc import Callable

from mobifai.assistant import keys
from mobifai.assistant.grid import composed, has_sure_width
from mobifai.assistant.prompt_line import PromptLine, ShellPrompt, find_line, find_prompt
from mobifai.assistant.screen import Cells
from mobifai.assistant.terminal import POLL_SECONDS, application_keys, look_at_cells, quiet
from mobifai.terminals.terminal import Terminal

SETTLE_SECONDS = 0.05
"""After this many seconds without output, a shell has shown all input that it has read."""

ECHO_SECONDS = 2.0
"""How many seconds to wait for the effect of a keystroke on the screen."""

MOTIONS = frozenset({"Left", "Right", "Home", "End", "Ctrl+A", "Ctrl+E"})
"""Keys that move the cursor: they change no text, and may have no visible effect."""

EDITING = MOTIONS | {
    *("Tab", "Backspace", "Delete", "Up", "Down", "PageUp", "PageDown"),
    *("Ctrl+L", "Ctrl+K", "Ctrl+U", "Ctrl+W"),
}
"""Keys that only edit a command line, if they are pressed at a shell's prompt."""

SEQUENCES = frozenset({"Left", "Right", "Home", "End", "Delete", "Up", "Down", "PageUp", "PageDown"})
"""Keys that are sent to the terminal as an escape sequence."""

_EDITING_WITHOUT_EDITOR = frozenset({"Backspace", "Ctrl+U", "Ctrl+W"})


class CommandReader:
    """Types into one terminal, and reads its command line.

    Before it reads, it waits up to `patience` seconds for a running program to end. `certain`: `line` is the command
    line that Enter would run.
    """

    def __init__(self, terminal: Terminal, clock: Callable[[], float], patience: float) -> None:
        self.certain = False
        self.at_end = False
        self.line: PromptLine | None = None
        self.program = ""
        self.program_id = 0
        self.directory = ""
        self.at_shell = False
        self.full_screen = False
        self.row = self.before_cursor = ""
        self._terminal = terminal
        self._clock = clock
        self._patience = patience
        self._prompt: ShellPrompt | None = None
        self._position = -1
        self._ran_at: int | None = None
        self._last_was_known = True
        self._waited_for = 0
        self._writes = -1

    @property
    def is_current(self) -> bool:
        """Whether the terminal has printed nothing since this reader last read the screen."""
        return self._terminal.position == self._position

    # -- reading

    async def read(self) -> PromptLine | None:
        """Return the command line that Enter would run, or None if it is not known.

        First wait for a running program to end, but not longer than the reader's patience.
        """
        await self._wait_for_prompt()
        screen = await self._look()
        before, self.line = self.line, self._find(screen)
        others_typed = self._writes != self._terminal.typed.count
        if before is not None and (others_typed or self.line != before):
            self.certain = self.at_end = False
            self.line = self._find(screen)
        self._doubt_widths()
        return self.line

    def _doubt_widths(self, typed: str = "") -> None:
        shown = "" if self.line is None else self.line.texts[0]
        if not self.at_end and not (has_sure_width(typed) and has_sure_width(shown)):
            self.certain = False

    async def _look(self) -> Cells:
        program = self._terminal.foreground()
        self.program, self.program_id, self.at_shell = program.name, program.pid, program.is_prompt
        self.directory = program.directory if program.is_prompt else ""
        self._position = self._terminal.position
        screen = await look_at_cells(self._terminal)
        self.full_screen = screen.alternate
        self.row, self.before_cursor = screen.cursor_row, screen.before_cursor
        if not program.is_prompt:
            self._prompt = None
        return screen

    def _find(self, screen: Cells) -> PromptLine | None:
        if self._prompt is None and self._terminal.foreground().is_prompt:
            empty = self._terminal.typed.line_is_new
            if empty and not self._last_was_known:
                empty = None
            self._prompt = find_prompt(screen, empty=empty)
            self._writes = self._terminal.typed.count
            self.certain, self.at_end = True, bool(empty)
        return find_line(screen, self._prompt, at_end=self.at_end) if self._prompt is not None else None

    async def _wait_for_prompt(self) -> None:
        deadline = self._clock() + self._patience
        if self._ran_at is not None:
            await self._printed_since(self._ran_at, ECHO_SECONDS)
            self._ran_at = None
        while await quiet(self._terminal, SETTLE_SECONDS, max(0.0, deadline - self._clock()), self._clock):
            program = self._terminal.foreground()
            if not program.is_busy or program.pid == self._waited_for:
                return
            if self._clock() >= deadline:
                break
            await asyncio.sleep(POLL_SECONDS)
        self._waited_for = self._terminal.foreground().pid

    async def _printed_since(self, position: int, seconds: float) -> bool:
        deadline = self._clock() + seconds
        while self._terminal.position == position:
            if self._clock() >= deadline:
                return False
            await asyncio.sleep(POLL_SECONDS)
        return True

    # -- typing

    def _write(self, text: str) -> None:
        if self._writes == self._terminal.typed.count:
            self._writes += 1
        self._terminal.write(text)

    def after(self, text: str) -> tuple[str, ...]:
        """Return the command lines that may result if a text is typed at the cursor."""
        if self.line is None or self._prompt is None:
            return ()
        typed = [
            before[start:] + text + behind
            for before, after in self.line.parts
            for start in self._prompt.starts
            for behind in (after, "")
        ]
        return tuple(dict.fromkeys(typed))

    async def type(self, text: str) -> None:
        """Type a text without line ends and tabs, and wait until the command line on the screen shows the text."""
        expected = {before + composed(text) for before in self.line.before_cursor} if self.line else set()
        self._doubt_widths(typed=text)
        position = self._terminal.position
        self._write(text)
        if self.line is None:
            await self._printed_since(position, SETTLE_SECONDS)
            await self._look_again()
            return
        deadline = self._clock() + ECHO_SECONDS
        while True:
            await self._look_again()
            if self.line is not None and not expected.isdisjoint(self.line.before_cursor):
                return
            if not await self._printed_since(self._position, deadline - self._clock()):
                break
        self.certain = False

    async def press(self, key: str) -> None:
        """Press a key other than Enter in the terminal, and wait for its effect on the screen."""
        plain = self._terminal.foreground().canonical and key not in _EDITING_WITHOUT_EDITOR
        self.at_end = False
        self._doubt_widths()
        before = self.line
        may_do_nothing = key in MOTIONS or (self.line is not None and self.line.is_empty)
        position = self._terminal.position
        self._write(keys.encode(key, application_keys(self._terminal)))
        if key == "Ctrl+C":
            self._begin_line(position, known=True)
            return
        printed = await self._printed_since(position, SETTLE_SECONDS if may_do_nothing else ECHO_SECONDS)
        await self._look_again()
        if plain or key not in EDITING or not (printed or may_do_nothing) or not _has_worked(key, before, self.line):
            self.certain = False

    def run(self, *, known: bool) -> None:
        """Press Enter in the terminal. `known`: the command line that runs was read from the screen with certainty."""
        position = self._terminal.position
        self._write("\r")
        self._begin_line(position, known=known)

    def withdraw(self) -> None:
        """Remove the typed text from a shell's prompt, so that nobody runs it by mistake."""
        if self.line is not None and not self.line.is_empty and self._terminal.foreground().is_prompt:
            position = self._terminal.position
            self._write("\x03")
            self._begin_line(position, known=True)

    def _begin_line(self, position: int, *, known: bool) -> None:
        self._prompt = self.line = None
        self._ran_at, self._last_was_known = position, known
        self._waited_for = 0

    async def _look_again(self) -> None:
        await quiet(self._terminal, SETTLE_SECONDS, ECHO_SECONDS, self._clock)
        self.line = self._find(await self._look())
        self._doubt_widths()


def _has_worked(key: str, before: PromptLine | None, after: PromptLine | None) -> bool:
    """Return whether the command line changed as it does if the shell knows this key.

    Only keys in SEQUENCES are checked. In vi mode, the shell reads an unknown sequence as Escape and commands, and
    would read the following text as commands too.
    """
    if key not in SEQUENCES:
        return True
    if before is None or after is None or len(before.parts) != len(after.parts):
        return False
    return all(_has_done(key, *parts) for parts in zip(before.parts, after.parts, strict=True))


def _has_done(key: str, before: tuple[str, str], after: tuple[str, str]) -> bool:
    """Return whether a key had its effect on the command line.

    `before` is the line before the key was pressed, and `after` the line afterwards. Each consists of the text before
    the cursor and the text after it. For Home, the cursor must have moved by more than one column, since Escape alone
    may move it left by one.
    """
    text, moved = "".join(after), len(after[0]) - len(before[0])
    if key in ("PageUp", "PageDown"):
        return False
    if key in ("Up", "Down"):
        return text != "".join(before)
    if key == "Delete":
        left = after[1].rstrip()  # more of fish's suggestion may be gone
        return after[0] == before[0] and left != before[1].rstrip() and before[1][1:].startswith(left)
    goes = moved < -1 if key == "Home" else moved == -1 if key == "Left" else moved > 0
    return goes and text.startswith("".join(before))
