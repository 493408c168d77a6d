"""Plants in the start of a shell: before and after the fork, in the process that starts the shell.

Each plant replaces `PtyProcess.spawn` of ptyprocess by a wrapper that leaks and also calls the original.
"""

import ctypes
import os
from collections.abc import Callable
from typing import Any

from mobifai.control.debug_plugins import PluginContext
from soak.plants.plant import LeakPlant, LifecycleEvent, PlantEvent


class ShellStartPlant(LeakPlant):
    """Base class of the plants in this module. Before the fork, `started` is called with the arguments of the start.
    After the fork, `forked` is called in the parent.
    """

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        from ptyprocess import PtyProcess  # noqa: PLC0415 - only the process that starts shells has it

        original: Callable[..., Any] = PtyProcess.spawn.__func__

        def spawn(kind: type[Any], /, argv: list[str], **named: Any) -> Any:
            self.started(argv, named)
            process = original(kind, argv, **named)
            self.forked(process)
            return process

        PtyProcess.spawn = classmethod(spawn)

    def on_event(self, _: PlantEvent) -> None:
        """Do nothing: the start of the shell leaks."""

    def started(self, argv: list[str], named: dict[str, Any]) -> None:
        """Leak from the arguments with which a shell is about to be started; by default, do nothing."""

    def forked(self, process: Any) -> None:
        """Leak from the ptyprocess object of a shell that was started; by default, do nothing."""


class EnvironmentKept(ShellStartPlant, on=LifecycleEvent.SHELL, culprit="started"):
    """For each shell, a list keeps a copy of the environment that it is started with."""

    def started(self, argv: list[str], named: dict[str, Any]) -> None:
        """Keep a copy of the environment of the shell."""
        self.store.append(dict(named["env"]))  # leak


class PreexecKept(ShellStartPlant, on=LifecycleEvent.SHELL, culprit="started"):
    """For each shell, a list keeps the function that runs between fork and exec: a closure with a directory."""

    def started(self, argv: list[str], named: dict[str, Any]) -> None:
        """Keep the function that runs between fork and exec."""
        self.store.append(named["preexec_fn"])  # leak


class ExecPipe(ShellStartPlant, on=LifecycleEvent.SHELL, culprit="started"):
    """For each shell, a list keeps a pipe, as used to report a failed exec: two descriptors each."""

    def started(self, argv: list[str], named: dict[str, Any]) -> None:
        """Open a pipe that is never closed."""
        self.store.append(os.pipe())  # leak


class ArgumentsInC(ShellStartPlant, on=LifecycleEvent.SHELL, culprit="started"):
    """For each shell, its arguments are copied with strdup in C, through ctypes, and never freed."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.strdup = ctypes.CDLL(None).strdup
        self.strdup.argtypes, self.strdup.restype = [ctypes.c_char_p], ctypes.c_void_p
        self.copies = 0

    def started(self, argv: list[str], named: dict[str, Any]) -> None:
        """Copy the arguments of the shell to the C heap."""
        self.strdup("\0".join(argv).encode().replace(b"\0", b" "))  # leak
        self.copies += 1

    def leaked(self) -> int:
        """Return the number of copies."""
        return self.copies


class PtyProcessKept(ShellStartPlant, on=LifecycleEvent.SHELL, culprit="forked"):
    """For each shell, a list keeps the object of ptyprocess, whose descriptors are closed."""

    def forked(self, process: Any) -> None:
        """Keep the ptyprocess object of the shell."""
        self.store.append(process)  # leak


LEAKS: tuple[type[LeakPlant], ...] = (EnvironmentKept, PreexecKept, ExecPipe, ArgumentsInC, PtyProcessKept)
