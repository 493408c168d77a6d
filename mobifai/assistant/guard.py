"""Types a model's keystrokes, after the user's approval if they may do harm.

At a shell's prompt, editing the line needs no approval, and Enter is judged by the line on the screen. Elsewhere the
effect of a key is unknown, so the user is asked. An approval there covers the turn's remaining keystrokes, as long as
the same program reads them and, before each Enter, the screen shows what was approved.
"""

import asyncio
import itertools
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from mobifai.assistant import repository
from mobifai.assistant.actions import Keystroke
from mobifai.assistant.command_reader import EDITING, CommandReader
from mobifai.assistant.grid import composed, takes_no_cell
from mobifai.assistant.prompt_line import PromptLine
from mobifai.assistant.risk import Judge
from mobifai.protocol.messages import AiStep

Ask = Callable[[tuple[AiStep, ...]], Awaitable[bool]]
"""A function that asks the user to approve steps, and returns whether the user does. Raises AssistantError if nobody
answers."""

ATTEMPTS = 3
"""How often the user is asked about one Enter at most. The question is repeated if the line has changed during the
answer."""

_SHOWN_CHARACTERS = 8000
"""The maximum number of characters of a line that are shown to the user. A note says how many are left out."""

_PIECES = re.compile(r"\r\n|[\r\n\t]|[^\r\n\t]+")
_KEYS = {"\t": "Tab", "\r": "Enter", "\n": "Enter", "\r\n": "Enter"}

_PLAIN_WORD = re.compile(r"[\w./~+-]*")

_NOT_KNOWN = "the command line can't be read from the screen"


@dataclass(frozen=True, slots=True)
class TypedPart:
    """A part of a keystroke that is typed as a whole: either a text without line ends and tabs, or one key."""

    text: str | None = None
    key: str | None = None


def parts_of(keystroke: Keystroke) -> list[TypedPart]:
    """Split a keystroke into parts. Each line end and each tab of a text becomes the key Enter or Tab."""
    if keystroke.key is not None:
        return [TypedPart(key=keystroke.key)]
    found = _PIECES.findall(keystroke.text or "")
    return [TypedPart(key=_KEYS[piece]) if piece in _KEYS else TypedPart(text=piece) for piece in found]


class Guard:
    """Types the keystrokes of one conversation, and asks the user before any that may do harm.

    `note` is called with a key and a text, one of which is None, before this key or text is typed.
    """

    def __init__(
        self, reader: CommandReader, judge: Judge, ask: Ask, note: Callable[[str | None, str | None], None]
    ) -> None:
        self._reader = reader
        self._judge = judge
        self._ask = ask
        self._note = note
        self._lines: frozenset[str] = frozenset()
        self._program: int | None = None
        self._expected: str | None = None

    def begin_turn(self) -> None:
        """Begin a turn. Approvals of the previous turn are no longer valid."""
        self._lines, self._program, self._expected = frozenset(), None, None

    async def type(self, keystrokes: Sequence[Keystroke]) -> bool:
        """Type the first of `keystrokes` if that is allowed, and return whether it was typed.

        The other keystrokes help to judge the first one; later calls type them. If the first one is not allowed, erase
        the command line at a shell's prompt.
        """
        try:
            return await self._type(keystrokes)
        except BaseException:
            self._reader.withdraw()
            raise

    async def _type(self, keystrokes: Sequence[Keystroke]) -> bool:
        pieces = parts_of(keystrokes[0])
        later = [piece for keystroke in keystrokes[1:] for piece in parts_of(keystroke)]
        said = "the model calls this risky" if keystrokes[0].risky else ""
        for index, piece in enumerate(pieces):
            line, upcoming = await self._reader.read(), [*pieces[index:], *later]
            if piece.key == "Enter":
                allowed = await self._may_run(said)
            elif line is None or not self._reader.certain:  # for example, a letter may be a command after Escape
                allowed = await self._may_act(piece, [*_steps(pieces[index:]), *_later(keystrokes[1:])], said)
            elif piece.text is None:
                allowed = await self._may_press(piece.key or "", said)
            else:
                allowed = await self._may_edit(upcoming, said)
            if not allowed:
                self._reader.withdraw()
                return False
            await self._do(piece)
        return True

    async def _do(self, piece: TypedPart) -> None:
        self._note(piece.key, piece.text)
        if piece.key == "Enter":
            line = self._reader.line
            known = line is not None and self._reader.certain and "!" not in line.shown
            self._reader.run(known=known)
            self._lines, self._expected = frozenset(), None
        elif piece.text is not None:
            await self._reader.type(piece.text)
        else:
            await self._reader.press(piece.key or "")

    # -- at a shell's prompt

    async def _may_press(self, key: str, said: str) -> bool:
        risk = "" if key in EDITING or key == "Ctrl+C" else said or "it may do more than edit the line"
        if key == "Tab":
            risk = await self._risk_of_completion()
        return not risk or await self._ask((AiStep(type="keystroke", key=key, risk=risk, line=self._shown_line),))

    async def _risk_of(self, lines: Sequence[str]) -> str:
        """Return why a command line may do harm when it runs, or an empty text if it is harmless.

        `lines` are the possible readings of the line.
        """
        risk = self._judge.risk_of_any(lines)
        if risk or not any(map(self._judge.reads_repository, lines)):
            return risk
        return await asyncio.to_thread(repository.why_not, self._reader.directory)

    async def _risk_of_completion(self) -> str:
        """Return why Tab may do harm, or an empty text if it can't.

        To complete a word, zsh may run a part of the line, and any shell may run programs.
        """
        line = self._reader.line
        if line is None or all(_PLAIN_WORD.fullmatch(text.lstrip()) for text in line.texts):
            return ""
        risk = await self._risk_of(line.texts)
        return f"completion by the shell may run a part of the command line: {risk}" if risk else ""

    @property
    def _shown_line(self) -> str | None:
        return _shown(self._reader.line.shown) if self._reader.line else None

    async def _may_edit(self, upcoming: Sequence[TypedPart], said: str) -> bool:
        """Return whether the first of the `upcoming` texts may be typed. `said` is the model's own warning, or empty.

        Editing needs no approval. But if Enter follows the texts, the resulting line is judged first, so that no risky
        line is left at the prompt.
        """
        texts = list(itertools.takewhile(lambda text: text is not None, (piece.text for piece in upcoming)))
        runs = self._reader.at_end and upcoming[len(texts) : len(texts) + 1] == [TypedPart(key="Enter")]
        would_run = self._reader.after("".join(map(str, texts)))
        lines = frozenset(line.strip() for line in would_run) if runs else frozenset()
        if lines and lines <= self._lines:
            return True
        risk = said or _unseen(texts) or (await self._risk_of(would_run) if runs else "")
        if not risk:
            return True
        steps = [*_steps(upcoming[: len(texts) if runs else 1])]
        steps[0] = AiStep(type="keystroke", text=steps[0].text, risk=risk)
        if runs:
            steps.append(AiStep(type="keystroke", key="Enter", line=_shown(would_run[0])))
        if not await self._ask(tuple(steps)):
            return False
        self._lines = lines
        return True

    async def _may_run(self, said: str) -> bool:
        """Return whether Enter may be pressed now. If the line is risky, ask the user first.

        `said` is the model's own warning, or empty. If the line has changed when the user answers, ask again.
        """
        for _ in range(ATTEMPTS):
            line, row = await self._reader.read(), self._reader.row
            if line is None and self._covers_enter():
                return self._reader.is_current or await self._same(line, row)
            risk = await self._risk_of_enter(line, said)
            if not risk:
                if self._reader.is_current:
                    return True
                continue
            shown = row.strip() if line is None else line.shown
            if not await self._ask((AiStep(type="keystroke", key="Enter", risk=risk, line=_shown(shown) or None),)):
                return False
            if await self._same(line, row):
                return True
        return False

    async def _same(self, line: PromptLine | None, row: str) -> bool:
        now = await self._reader.read()
        return now == line and (line is not None or self._reader.row == row)

    async def _risk_of_enter(self, line: PromptLine | None, said: str) -> str:
        if line is None:
            return said or self._unknown
        risk = await self._risk_of(line.texts)
        if not self._reader.certain:
            return said or risk or _NOT_KNOWN
        if {text.strip() for text in line.texts} <= self._lines:
            return ""
        return ", ".join(filter(None, (said, risk)))

    # -- elsewhere

    @property
    def _unknown(self) -> str:
        program = self._reader.program
        return f"the input goes to the program {program[:50]}" if program and not self._reader.at_shell else _NOT_KNOWN

    async def _may_act(self, piece: TypedPart, steps: Sequence[AiStep], said: str) -> bool:
        """Return whether a part may be typed into a program, or into a shell whose command line is unknown.

        If the user has not approved this yet, ask. `steps` are the keystrokes of the turn that the approval covers.
        """
        if piece.key == "Ctrl+C" and self._reader.at_shell:
            return True
        if self._program != self._reader.program_id or said:
            first = AiStep(type="keystroke", text=steps[0].text, key=steps[0].key, risk=said or self._unknown)
            if not await self._ask((first, *steps[1:])):
                return False
            self._program, self._expected = self._reader.program_id, None
        if piece.text is None:
            self._expected = None
        elif self._expected is None:
            self._expected = self._reader.before_cursor + piece.text
        else:
            self._expected += piece.text
        return True

    def _covers_enter(self) -> bool:
        """Return whether the user has already approved the line that Enter would send to the program now."""
        if self._program != self._reader.program_id:
            return False
        return self._reader.full_screen or (self._expected is not None and self._expected == self._reader.before_cursor)


def _unseen(texts: Sequence[str | None]) -> str:
    """Return a warning if these texts have an invisible character, else an empty text.

    With such a character, the line that is typed differs from the line that the user sees.
    """
    found = next((each for text in texts for each in composed(text or "") if takes_no_cell(each)), "")
    return f"it has the character U+{ord(found):04X}, which can't be seen" if found else ""


def _steps(pieces: Sequence[TypedPart]) -> list[AiStep]:
    return [AiStep(type="keystroke", text=piece.text, key=piece.key) for piece in pieces]


def _later(keystrokes: Sequence[Keystroke]) -> list[AiStep]:
    return [AiStep(type="keystroke", text=keystroke.text, key=keystroke.key) for keystroke in keystrokes]


def _shown(line: str) -> str:
    line = line.strip()
    more = len(line) - _SHOWN_CHARACTERS
    return line if more <= 0 else f"{line[:_SHOWN_CHARACTERS]} ... (and {more} more characters)"
