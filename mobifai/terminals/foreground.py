"""The program that reads what is typed into a terminal, as the system tells it."""

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
"""Arguments of a shell that name neither a script nor a command, each with a NUL behind it."""


@dataclass(frozen=True, slots=True)
class Foreground:
    """A terminal's foreground program. `canonical` and `echoes` are the terminal's own line editing.

    `raw_enter`: the program gets Enter as it is, as line editors want it. A shell that only waits for a key of an
    answer (`read -s -n 1`, zsh's own questions) leaves the terminal to translate it. `name` is empty when the system
    does not tell.
    """

    pid: int = 0
    name: str = ""
    arguments: tuple[str, ...] = ()
    canonical: bool = True
    echoes: bool = False
    raw_enter: bool = False

    @property
    def directory(self) -> str:
        """Where the program is; empty when the system does not tell."""
        try:
            return working_directory(self.pid)
        except OSError:
            return ""

    @property
    def is_prompt(self) -> bool:
        """Whether this is an interactive shell that waits for a command line, which the screen shows."""
        if not _INTERACTIVE.fullmatch("".join(f"{argument}\0" for argument in self.arguments)):
            return False
        if self.canonical:
            return self.echoes and bool(_PLAIN_SHELL.fullmatch(self.name))
        return self.raw_enter and not self.echoes and bool(_EDITING_SHELL.fullmatch(self.name))

    @property
    def is_busy(self) -> bool:
        """Whether it is another program that does not read keys one by one: it may end by itself."""
        return bool(self.name) and self.canonical and not self.is_prompt


UNKNOWN = Foreground()


def foreground(master: int) -> Foreground:
    """The foreground program of the terminal with this master side."""
    try:
        given, _, _, mode, *_ = termios.tcgetattr(master)
        pid = os.tcgetpgrp(master)
        name, arguments = _program(pid)
    except (OSError, termios.error):
        return UNKNOWN
    # zsh has Enter and Ctrl+J exchanged, all others have neither translated.
    raw_enter = not given & termios.ICRNL or bool(given & termios.INLCR)
    return Foreground(pid, name, arguments, bool(mode & termios.ICANON), bool(mode & termios.ECHO), raw_enter)


def _program(pid: int) -> tuple[str, tuple[str, ...]]:
    """A program's name, and its arguments. Raises OSError."""
    if sys.platform == "linux":
        name = Path(f"/proc/{pid}/exe").readlink().name.removesuffix(" (deleted)")  # as after an upgrade of the shell
        words = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
        return name, tuple(word.decode("utf-8", "replace") for word in words[1:])
    import psutil  # noqa: PLC0415 - only where there is no /proc

    try:
        process = psutil.Process(pid)
        return Path(process.exe()).name, tuple(process.cmdline()[1:])
    except psutil.Error as error:
        raise ProcessLookupError(str(error)) from None
