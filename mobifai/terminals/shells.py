"""The parameters of a shell's start (program, environment, directory), and the `Spawner` interface.

A `Spawner` owns the processes. It starts them, hands out the master side of their terminals, and reports their ends. It
never reads their output.
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
"""Variables that a shell inherits. They exclude the agent's settings, keys and virtual environment."""

_MOST_BYTES = 64 << 10
"""The most bytes of a variable. Longer ones are dropped, since all variables have to fit into one message to the
keeper."""


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
    """A running shell. `master` is a non-blocking descriptor of the master side of its terminal.

    `memory` is the memory of its ring. The receiver of this object owns both.

    `shared`: the memory outlives this process. `adopted`: an earlier agent started the shell, so its ring may hold
    output, and `label` is the description that `Spawner.describe` stored last.
    """

    pid: int
    master: int
    memory: mmap.mmap
    shared: bool = False
    adopted: bool = False
    label: Mapping[str, object] = field(default_factory=dict)


OnExit = Callable[[int | None], None]
"""Called with a shell's exit status: negative for a signal, None if unknown."""


class Spawner(Protocol):
    """Starts shells, and owns their processes."""

    def spawn(self, uuid: str, spec: ShellSpec, on_exit: OnExit) -> Spawned:
        """Start a shell for the terminal `uuid`. Raises TerminalError if that fails.

        `on_exit` is called once, when the shell's process has ended.
        """

    def adopt(self, uuid: str, on_exit: OnExit) -> Spawned | None:
        """Take over a shell that outlived an agent, or return None if there is none for this terminal.

        Raises TerminalError if that fails; the shell continues to run and can be adopted later.
        """

    def unclaimed(self) -> list[str]:
        """Return the ids of the terminals whose shells outlived an agent and are not adopted yet."""

    def describe(self, uuid: str, label: Mapping[str, object]) -> None:
        """Store a terminal's description for the next agent, in case the record of its tab is lost."""

    def end(self, pid: int) -> None:
        """Hang up on a shell whose terminal the caller has closed. A program that ignores SIGHUP continues."""

    def release(self, pid: int) -> None:
        """Give up a shell because the agent stops: hang up on it, or keep it for the next agent."""


def login_shell() -> tuple[str, ...]:
    """Return the command of the user's shell: the first usable one of $SHELL, the user database's, and /bin/sh."""
    entry = user.passwd_entry()
    named = (os.environ.get("SHELL"), entry.pw_shell if entry is not None else None)
    shell = next((name for name in named if name and shutil.which(name)), "/bin/sh")
    # A launchd agent has a minimal environment, in which only a login shell sets the user's PATH.
    return (shell, "-l") if os.uname().sysname == "Darwin" else (shell,)


def shell_command(command: str | None) -> tuple[str, ...]:
    """Split the value of --shell into an absolute program and its arguments; None stands for the user's shell.

    A relative program is resolved here, because a shell starts in another directory. Raises ConfigError.
    """
    try:
        argv = tuple(shlex.split(command)) if command else login_shell()
    except ValueError as error:
        raise ConfigError(f"--shell: expected a program with arguments; {error} in {command!r}") from None
    program = shutil.which(argv[0]) if argv else None
    if program is None:
        raise ConfigError(f"--shell: expected a program that can be run; found {command or argv[0]!r}")
    return (os.path.abspath(program), *argv[1:])  # noqa: PTH100 - keeps a link's name: argv[0] has a meaning


def home_directory() -> str:
    """Return the directory of a new shell: the home directory, or `/` if that can't be entered."""
    home = user.home()
    return str(home) if home is not None and can_be_entered(str(home)) else "/"


def working_directory(pid: int) -> str:
    """Return the working directory of a process, even if that directory was removed. Raises OSError."""
    if sys.platform == "linux":
        found = str(Path(f"/proc/{pid}/cwd").readlink())
        if not found.endswith(" (deleted)"):  # without touching the directory: its file server may hang
            return found
        return found if Path(found).exists() else found.removesuffix(" (deleted)")
    import psutil  # noqa: PLC0415 - only where there is no /proc

    try:
        return psutil.Process(pid).cwd()
    except psutil.Error as error:
        raise ProcessLookupError(str(error)) from None


def shell_environment(environ: Mapping[str, str], shell: str) -> dict[str, str]:
    """Return the environment for a shell, like that of a login; `docs/reference/shells.md` lists it."""
    kept = {
        name: value
        for name, value in environ.items()
        if _INHERITED.match(name) and len(os.fsencode(value)) <= _MOST_BYTES
    }
    kept["PATH"] = user.path_without_environments(environ)
    for name, value in user.login_variables().items():
        kept.setdefault(name, value)
    return {**kept, "SHELL": shell, "TERM": "xterm-256color", "COLORTERM": "truecolor", "TERM_PROGRAM": "MobiFai"}
