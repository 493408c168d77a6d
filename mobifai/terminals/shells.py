"""What a shell is started with, and who starts and ends it.

A `Spawner` owns the processes: it starts them, hands out the master side of their terminals, tells when they end, and
leaves none behind. It never reads what they print.
"""

import mmap
import os
import pwd
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

_INHERITED = re.compile(
    r"(HOME|USER|LOGNAME|PATH|LANG|LANGUAGE|LC_[A-Z]+|TZ|TMPDIR|EDITOR|VISUAL|PAGER|DISPLAY|WAYLAND_DISPLAY"
    r"|XAUTHORITY|XDG_[A-Z_]+|DBUS_SESSION_BUS_ADDRESS|SSH_AUTH_SOCK|GPG_TTY|HTTPS?_PROXY|https?_proxy|NO_PROXY|no_proxy"
    r"|SSL_CERT_FILE|SSL_CERT_DIR|WSL_[A-Z_]+|WSLENV|__CF_USER_TEXT_ENCODING)\Z"
)
"""What a login passes to a shell. The agent's own settings and keys are not among it, nor its virtual environment."""


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


class Spawner(Protocol):
    """Owns the shells' processes."""

    def spawn(self, uuid: str, spec: ShellSpec, on_exit: Callable[[], None]) -> Spawned:
        """Start a shell; `on_exit` is called once, when its process has ended. Raises TerminalError."""

    def adopt(self, uuid: str, on_exit: Callable[[], None]) -> Spawned | None:
        """A shell that has outlived an agent, if there is one for this terminal.

        Raises TerminalError when it can't be had now; it runs on, and can be adopted later.
        """

    def unclaimed(self) -> list[str]:
        """The terminals whose shells have outlived an agent and were not adopted yet."""

    def describe(self, uuid: str, label: Mapping[str, object]) -> None:
        """Note what the next agent should know of a terminal, should its own record be lost."""

    def end(self, pid: int) -> None:
        """Hang up: SIGHUP to all of the shell's session, SIGKILL to what is left after a grace period."""

    def release(self, pid: int) -> None:
        """The agent stops: end the shell, or keep it for the next agent."""


def login_shell() -> tuple[str, ...]:
    """The user's shell: $SHELL, else what the system's user data base says, else /bin/sh."""
    shell = os.environ.get("SHELL") or pwd.getpwuid(os.getuid()).pw_shell or "/bin/sh"
    # A launchd agent has a bare environment: there only a login shell finds the user's PATH.
    return (shell, "-l") if os.uname().sysname == "Darwin" else (shell,)


def home_directory() -> str:
    """Where a new shell starts."""
    home = Path.home()
    return str(home) if home.is_dir() else "/"


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
    """A clean environment for this shell, with what phones' terminals are."""
    kept = {name: value for name, value in environ.items() if _INHERITED.match(name)}
    kept.setdefault("PATH", os.defpath)
    kept.setdefault("HOME", home_directory())
    return {**kept, "SHELL": shell, "TERM": "xterm-256color", "COLORTERM": "truecolor", "TERM_PROGRAM": "MobiFai"}
