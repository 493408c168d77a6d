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
"""The first output. Only after it may something be typed: before, the kernel would echo it."""

_REST = " é€😀 ...............................................\n".encode()
LINE_BYTES = 7 + len(_REST)
"""Bytes of a line of a flood whose number has seven digits."""


@dataclass(frozen=True, slots=True)
class TypedLine:
    """Something to type, and all that the program prints for it."""

    typed: str
    printed: bytes


def say(text: str) -> TypedLine:
    """A text without line ends comes back as a line."""
    return TypedLine(f"say {text}\n", f"{text}\n".encode())


def flood(first: int, last: int) -> TypedLine:
    """Numbered lines, as fast as the program can."""
    return TypedLine(
        f"flood {first} {last}\n", b"".join(b"%d%b" % (number, _REST) for number in range(first, last + 1))
    )


def echo(text: str) -> tuple[TypedLine, TypedLine]:
    """A text of any characters but CR comes back as it is. The second is to be typed once the first is printed."""
    printed = text.encode()
    return TypedLine(f"echo {len(printed)}\n", b">"), TypedLine(text, printed)


def size(cols: int, rows: int) -> TypedLine:
    """The program says how large its screen is: rows first."""
    return TypedLine("size\n", f"{rows} {cols}\n".encode())


def leave(status: int = 0) -> TypedLine:
    """The program ends."""
    return TypedLine(f"exit {status}\n", b"")


DEAF = TypedLine("deaf\n", b"")
"""The program reads nothing any more; it has to be killed."""
