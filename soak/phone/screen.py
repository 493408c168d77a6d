"""What a phone shows of its terminals: the newest text of each, within bounds, and exact totals of all of it.

Owns text and counts; knows no connection.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

TAIL = 192 << 10
"""Characters kept of one terminal, beside the chunk that came last: more than a screen has."""
TERMINALS = 64
"""Terminals that a phone keeps text of; the agent has no more."""


@dataclass(frozen=True, slots=True)
class Totals:
    """All output of a terminal, without screens: messages, UTF-8 bytes, and SHA-256 (hex) over those bytes."""

    messages: int
    bytes: int
    sha256: str


class TerminalText:
    """One terminal. With `keep_all` nothing of its text is dropped."""

    def __init__(self, *, keep_all: bool) -> None:
        self._keep_all = keep_all
        self._parts: deque[str] = deque()
        self._length = 0
        self._messages = 0
        self._bytes = 0
        self._digest = sha256()
        self.screen = ""
        self.position = 0
        """Characters ever shown, also those that are gone."""

    def output(self, data: str) -> None:
        """Show what came as output."""
        encoded = data.encode(errors="surrogatepass")
        self._messages += 1
        self._bytes += len(encoded)
        self._digest.update(encoded)
        self._show(data)

    def replace(self, screen: str) -> None:
        """Show a screen in place of all that was shown."""
        self.screen = screen
        self._parts.clear()
        self._length = 0
        self._show(screen)

    def _show(self, data: str) -> None:
        self._parts.append(data)
        self._length += len(data)
        self.position += len(data)
        while not self._keep_all and self._length - len(self._parts[0]) >= TAIL:
            self._length -= len(self._parts.popleft())

    def text(self) -> str:
        """What is shown now: the last screen, and the output since then."""
        return "".join(self._parts)

    def tail(self, length: int) -> str:
        """The last characters shown, at most `length`."""
        wanted: deque[str] = deque()
        missing = min(length, self._length)
        for part in reversed(self._parts):
            if missing <= 0:
                break
            wanted.appendleft(part[-missing:])
            missing -= len(part)
        return "".join(wanted)

    def totals(self) -> Totals:
        """What came as output so far."""
        return Totals(self._messages, self._bytes, self._digest.hexdigest())


class Screens:
    """The terminals of a phone, by uuid; the one that was made first goes when there are too many."""

    def __init__(self, *, keep_all: bool) -> None:
        self._keep_all = keep_all
        self._texts: dict[str, TerminalText] = {}

    def of(self, uuid: str) -> TerminalText:
        """The text of a terminal, empty when it has shown nothing yet."""
        if uuid not in self._texts:
            if len(self._texts) >= TERMINALS:
                del self._texts[next(iter(self._texts))]
            self._texts[uuid] = TerminalText(keep_all=self._keep_all)
        return self._texts[uuid]

    def forget(self, uuid: str) -> None:
        """Begin anew: text, counts and digest."""
        self._texts.pop(uuid, None)


def shows(wanted: str | Callable[[str], bool]) -> Callable[[TerminalText], bool]:
    """A test for what a terminal shows: that this text is in it, or that this is true of it.

    To be asked again and again: for a text it looks at each character about once.
    """
    if callable(wanted):
        return lambda terminal: wanted(terminal.text())
    seen: tuple[TerminalText, int] | None = None

    def found(terminal: TerminalText) -> bool:
        nonlocal seen
        known = seen is not None and seen[0] is terminal
        unseen = terminal.position - seen[1] + len(wanted) - 1 if known and seen else TAIL * 2
        seen = (terminal, terminal.position)
        return wanted in (terminal.tail(unseen) if known else terminal.text())

    return found
