"""The program in the terminals of a soak run, and the output that it prints for each input.

The program is `echo.sh`, for any POSIX shell. It starts in about 2 ms and needs 1 MB, a tenth of what Python needs.
This module does not run it.
"""

import shlex
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).with_name("echo.sh")
COMMAND = f"/bin/sh {shlex.quote(str(SCRIPT))}"
"""The command that starts the program: the value of `mobifai serve --shell`."""

GREETING = "soak é€😀\n".encode()
"""The first output of the program.

Send no input before this output has arrived, because the kernel would echo the input.
"""

_REST = " é€😀 ...............................................\n".encode()
LINE_BYTES = 7 + len(_REST)
"""Number of bytes in a line of a flood whose number has seven digits."""


@dataclass(frozen=True, slots=True)
class TypedLine:
    """Input, and all output that the program prints for it."""

    typed: str
    printed: bytes


def say(text: str) -> TypedLine:
    """Return input that makes the program print `text` as one line. `text` has no line ends."""
    return TypedLine(f"say {text}\n", f"{text}\n".encode())


def flood(first: int, last: int) -> TypedLine:
    """Return input that makes the program print the lines `first` to `last`, each with its number, without pauses."""
    return TypedLine(
        f"flood {first} {last}\n", b"".join(b"%d%b" % (number, _REST) for number in range(first, last + 1))
    )


def echo(text: str) -> tuple[TypedLine, TypedLine]:
    """Return two inputs that make the program print `text`, which may contain anything but CR.

    Type the second input after the program has printed its output for the first.
    """
    printed = text.encode()
    return TypedLine(f"echo {len(printed)}\n", b">"), TypedLine(text, printed)


def size(cols: int, rows: int) -> TypedLine:
    """Return input that makes the program print the size of its terminal, and the expected output.

    The output is the number of rows, a space and the number of columns.
    """
    return TypedLine("size\n", f"{rows} {cols}\n".encode())


def leave(status: int = 0) -> TypedLine:
    """Return input that ends the program with the exit status `status`."""
    return TypedLine(f"exit {status}\n", b"")


DEAF = TypedLine("deaf\n", b"")
"""Input that makes the program stop reading. Afterwards it can only be killed."""
