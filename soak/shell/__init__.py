"""The program in a soak's terminals, and what it prints for what is typed: a pure function.

The program itself is `echo.sh`, for any POSIX shell: it starts in some 2 ms and takes 1 MB, where an interpreter takes
ten times both. Nothing here runs it.
"""

import shlex
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).with_name("echo.sh")
COMMAND = f"/bin/sh {shlex.quote(str(SCRIPT))}"
"""For `mobifai serve --shell`."""

GREETING = "soak é€😀\n".encode()
"""What is printed first. Only from then on may something be typed: before, the kernel would echo it."""

_REST = " é€😀 ...............................................\n".encode()
LINE_BYTES = 7 + len(_REST)
"""Bytes of a line of a flood whose number has seven digits."""


@dataclass(frozen=True, slots=True)
class Line:
    """Something to type, and all that the program prints for it."""

    typed: str
    printed: bytes


def say(text: str) -> Line:
    """A text without line ends comes back as a line."""
    return Line(f"say {text}\n", f"{text}\n".encode())


def flood(first: int, last: int) -> Line:
    """Numbered lines, as fast as the program can."""
    return Line(f"flood {first} {last}\n", b"".join(b"%d%b" % (number, _REST) for number in range(first, last + 1)))


def echo(text: str) -> tuple[Line, Line]:
    """A text of any characters but CR comes back as it is. The second is to be typed once the first is printed."""
    printed = text.encode()
    return Line(f"echo {len(printed)}\n", b">"), Line(text, printed)


def size(cols: int, rows: int) -> Line:
    """The program says how large its screen is: rows first."""
    return Line("size\n", f"{rows} {cols}\n".encode())


def leave(status: int = 0) -> Line:
    """The program ends."""
    return Line(f"exit {status}\n", b"")


DEAF = Line("deaf\n", b"")
"""The program reads nothing any more; it has to be killed."""
