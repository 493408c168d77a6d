"""The text that a phone shows: the newest text of each terminal, within limits, and exact totals of its output.

Does not use a transport.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

TAIL = 192 << 10
"""Number of characters at the end of a long text that are always stored. A screen is shorter than this.

Earlier chunks of the text are dropped.
"""
TERMINALS = 64
"""Most terminals whose text a phone stores. The agent does not have more."""


@dataclass(frozen=True, slots=True)
class Totals:
    """The output of a terminal, without screens: messages, UTF-8 bytes, and their SHA-256 in hex."""

    messages: int
    bytes: int
    sha256: str


class TerminalText:
    """The text of one terminal. With `keep_all`, all of it is stored, otherwise only the end."""

    def __init__(self, *, keep_all: bool) -> None:
        self._keep_all = keep_all
        self._parts: deque[str] = deque()
        self._length = 0
        self._messages = 0
        self._bytes = 0
        self._digest = sha256()
        self.screen = ""
        self.position = 0
        """The number of characters shown so far, including those that are no longer stored."""

    def output(self, data: str) -> None:
        """Append received output to the text, and add it to the totals."""
        encoded = data.encode(errors="surrogatepass")
        self._messages += 1
        self._bytes += len(encoded)
        self._digest.update(encoded)
        self._show(data)

    def replace(self, screen: str) -> None:
        """Replace the stored text with a received screen. The totals do not change."""
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
        """Return the stored text: the last screen, and the output after it."""
        return "".join(self._parts)

    def tail(self, length: int) -> str:
        """Return at most `length` characters from the end of the text."""
        wanted: deque[str] = deque()
        missing = min(length, self._length)
        for part in reversed(self._parts):
            if missing <= 0:
                break
            wanted.appendleft(part[-missing:])
            missing -= len(part)
        return "".join(wanted)

    def totals(self) -> Totals:
        """Return the totals of the output so far."""
        return Totals(self._messages, self._bytes, self._digest.hexdigest())


class Screens:
    """The text of a phone's terminals, by uuid. If there are more than TERMINALS, the oldest is dropped."""

    def __init__(self, *, keep_all: bool) -> None:
        self._keep_all = keep_all
        self._texts: dict[str, TerminalText] = {}

    def of(self, uuid: str) -> TerminalText:
        """Return the text of a terminal. If there is none, create an empty one."""
        if uuid not in self._texts:
            if len(self._texts) >= TERMINALS:
                del self._texts[next(iter(self._texts))]
            self._texts[uuid] = TerminalText(keep_all=self._keep_all)
        return self._texts[uuid]

    def forget(self, uuid: str) -> None:
        """Drop a terminal's text, totals and digest."""
        self._texts.pop(uuid, None)


def shows(wanted: str | Callable[[str], bool]) -> Callable[[TerminalText], bool]:
    """Return a predicate for the text of a terminal: the text contains `wanted`, or `wanted(text)` is true.

    If `wanted` is a string, and the predicate is called again for the same terminal, it searches only the text that is
    new since the last call.
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
