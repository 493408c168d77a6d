"""What a shell is started with, and who starts and ends it.

A `Spawner` owns the processes: it starts them, hands out the master side of their terminals, and tells when they end.
It never reads what they print.
"""

import mmap
import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from mobifai import user
from mobifai.errors import ConfigError
from mobifai.terminals.spawning import can_be_entered

_INHERITED = re.compile(
    r"(HOME|USER|LOGNAME|PATH|LANG|LANGUAGE|LC_[A-Z]+|TZ|TMPDIR|EDITOR|VISUAL|PAGER|DISPLAY|WAYLAND_DISPLAY"
    r"|XAUTHORITY|XDG_[A-Z_]+|DBUS_SESSION_BUS_ADDRESS|SSH_AUTH_SOCK|(HTTPS?|ALL|NO)_PROXY|(https?|all|no)_proxy"
    r"|SSL_CERT_FILE|SSL_CERT_DIR|WSL_[A-Z_]+|WSLENV|__CF_USER_TEXT_ENCODING)\Z"
)
"""What a login passes to a shell. The agent's own settings and keys are not among it, nor its virtual environment."""

_MOST_BYTES = 64 << 10
"""A longer variable is not passed on: all of them have to fit into one message to the keeper."""


@dataclass(frozen=True, slots=True)
class ShellSpec:
    """How to start a shell. `argv` is never empty; sizes are in character cells."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str
    cols: int = 80
    rows: int = 24


@dataclass(frozen=True, slots=True)
class Spawned:
    """A running shell. Who gets it owns `master`, a non-blocking descriptor, and `memory`, its ring's, and closes both.

    `shared`: the memory outlives this process. `adopted`: the shell has run before, and its ring may have something
    in it; `label` is then what `describe` was last given.
    """

    pid: int
    master: int
    memory: mmap.mmap
    shared: bool = False
    adopted: bool = False
    label: Mapping[str, object] = field(default_factory=dict)


OnExit = Callable[[int | None], None]
"""Called with a shell's exit status: negative for a signal, None where it is not known."""


class Spawner(Protocol):
    """Owns the shells' processes."""

    def spawn(self, uuid: str, spec: ShellSpec, on_exit: OnExit) -> Spawned:
        """Start a shell; `on_exit` is called once, when its process has ended. Raises TerminalError."""

    def adopt(self, uuid: str, on_exit: OnExit) -> Spawned | None:
        """A shell that has outlived an agent, if there is one for this terminal.

        Raises TerminalError when it can't be had now; it runs on, and can be adopted later.
        """

    def unclaimed(self) -> list[str]:
        """The terminals whose shells have outlived an agent and were not adopted yet."""

    def describe(self, uuid: str, label: Mapping[str, object]) -> None:
        """Note what the next agent should know of a terminal, should its own record be lost."""

    def end(self, pid: int) -> None:
        """Hang up on a shell, whose terminal the caller has closed. What ignores SIGHUP runs on."""

    def release(self, pid: int) -> None:
        """The agent stops: hang up on the shell, or keep it for the next agent."""


def login_shell() -> tuple[str, ...]:
    """The user's shell: the first that can be run of $SHELL, what the system's user database says, and /bin/sh."""
    entry = user.passwd_entry()
    named = (os.environ.get("SHELL"), entry.pw_shell if entry is not None else None)
    shell = next((name for name in named if name and shutil.which(name)), "/bin/sh")
    # A launchd agent has a bare environment: there only a login shell finds the user's PATH.
    return (shell, "-l") if os.uname().sysname == "Darwin" else (shell,)


def shell_command(command: str | None) -> tuple[str, ...]:
    """Split what --shell says into an absolute program and its arguments; without it, the user's shell.

    A shell starts in another directory than this process, so a relative program is resolved here. Raises ConfigError.
    """
    try:
        argv = tuple(shlex.split(command)) if command else login_shell()
    except ValueError as error:
        raise ConfigError(f"--shell: expected a program with arguments; {error} in {command!r}") from None
    program = shutil.which(argv[0]) if argv else None
    if program is None:
        raise ConfigError(f"--shell: expected a program that can be run; found {command or argv[0]!r}")
    return (os.path.abspath(program), *argv[1:])  # noqa: PTH100 - a link's own name, as argv[0] means something


def home_directory() -> str:
    """Where a new shell starts: the home directory, or `/` without one that can be entered."""
    home = user.home()
    return str(home) if home is not None and can_be_entered(str(home)) else "/"


def working_directory(pid: int) -> str:
    """Where a process is, or was when its directory was removed. Raises OSError."""
    if sys.platform == "linux":
        found = str(Path(f"/proc/{pid}/cwd").readlink())
        if not found.endswith(" (deleted)"):  # no look at the directory: its server may not answer
            return found
        return found if Path(found).exists() else found.removesuffix(" (deleted)")
    import psutil  # noqa: PLC0415 - where /proc tells it, its half a megabyte can wait

    try:
        return psutil.Process(pid).cwd()
    except psutil.Error as error:
        raise ProcessLookupError(str(error)) from None


def shell_environment(environ: Mapping[str, str], shell: str) -> dict[str, str]:
    """The environment that a login gives this shell: `docs/reference/shells.md` lists it."""
    kept = {
        name: value
        for name, value in environ.items()
        if _INHERITED.match(name) and len(os.fsencode(value)) <= _MOST_BYTES
    }
    kept["PATH"] = user.path_without_environments(environ)
    for name, value in user.login_variables().items():
        kept.setdefault(name, value)
    return {**kept, "SHELL": shell, "TERM": "xterm-256color", "COLORTERM": "truecolor", "TERM_PROGRAM": "MobiFai"}
