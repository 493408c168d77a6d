"""The program that reads a terminal's input, as the system reports it."""

import os
import re
import sys
import termios
from dataclasses import dataclass
from pathlib import Path

from mobifai.terminals.shells import working_directory

_EDITING_SHELL = re.compile(r"(?:bash|zsh|fish|ksh|ksh93|mksh)(?:-?[0-9.]+)?")
_PLAIN_SHELL = re.compile(r"(?:sh|dash|ash|ksh|ksh93|mksh|busybox)(?:-?[0-9.]+)?")
_INTERACTIVE = re.compile(r"(?:--(?:rcfile|init-file)\0[^\0]*\0|--[a-z-]+\0|[-+][oO]\0[a-z_]+\0|[-+][abd-zA-Z]+\0)*")
"""Arguments of a shell that name neither a script nor a command, each followed by NUL."""


@dataclass(frozen=True, slots=True)
class Foreground:
    """A terminal's foreground program. `name` is empty if it can't be found.

    `canonical` and `echoes` are the terminal's modes ICANON and ECHO: the kernel itself edits lines and prints what is
    typed. `raw_enter`: the kernel passes Enter on untranslated, as line editors need it. A shell that only reads a
    single key (`read -s -n 1`, zsh's own questions) leaves the translation on.
    """

    pid: int = 0
    name: str = ""
    arguments: tuple[str, ...] = ()
    canonical: bool = True
    echoes: bool = False
    raw_enter: bool = False

    @property
    def directory(self) -> str:
        """Return the program's working directory; empty if it can't be found."""
        try:
            return working_directory(self.pid)
        except OSError:
            return ""

    @property
    def is_prompt(self) -> bool:
        """Return whether this is an interactive shell at its visible prompt."""
        if not _INTERACTIVE.fullmatch("".join(f"{argument}\0" for argument in self.arguments)):
            return False
        if self.canonical:
            return self.echoes and bool(_PLAIN_SHELL.fullmatch(self.name))
        return self.raw_enter and not self.echoes and bool(_EDITING_SHELL.fullmatch(self.name))

    @property
    def is_busy(self) -> bool:
        """Return whether a program runs that is no shell at its prompt and does not read single keys.

        Such a program may end without input.
        """
        return bool(self.name) and self.canonical and not self.is_prompt


UNKNOWN = Foreground()


def foreground(master: int) -> Foreground:
    """Return the foreground program of the terminal with this master side; UNKNOWN if it can't be found."""
    try:
        given, _, _, mode, *_ = termios.tcgetattr(master)
        pid = os.tcgetpgrp(master)
        name, arguments = _program(pid)
    except (OSError, termios.error):
        return UNKNOWN
    # zsh exchanges Enter and Ctrl+J; all others translate neither.
    raw_enter = not given & termios.ICRNL or bool(given & termios.INLCR)
    return Foreground(pid, name, arguments, bool(mode & termios.ICANON), bool(mode & termios.ECHO), raw_enter)


def _program(pid: int) -> tuple[str, tuple[str, ...]]:
    """Return a program's name and arguments. Raises OSError."""
    if sys.platform == "linux":
        name = Path(f"/proc/{pid}/exe").readlink().name.removesuffix(" (deleted)")  # after an upgrade of the shell
        words = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
        return name, tuple(word.decode("utf-8", "replace") for word in words[1:])
    import psutil  # noqa: PLC0415 - only where there is no /proc

    try:
        process = psutil.Process(pid)
        return Path(process.exe()).name, tuple(process.cmdline()[1:])
    except psutil.Error as error:
        raise ProcessLookupError(str(error)) from None
