"""Plants where a shell is started: around the fork and the exec, in the process that starts it.

The start function of ptyprocess is replaced by one that leaks, and then does what it did.
"""

import ctypes
import os
from collections.abc import Callable
from typing import Any

from mobifai.control.debug_plugins import PluginContext
from soak.plants.plant import LeakPlant, LifecycleEvent, PlantEvent


class ShellStartPlant(LeakPlant):
    """A base: `started` is called with what a shell is started with, before its fork, and `forked` after it."""

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
        """Nothing: the start of the shell does it."""

    def started(self, argv: list[str], named: dict[str, Any]) -> None:
        """A shell is about to be started."""

    def forked(self, process: Any) -> None:
        """It was started."""


class EnvironmentKept(ShellStartPlant, on=LifecycleEvent.SHELL, culprit="started"):
    """A list keeps a copy of the environment with which each shell is started."""

    def started(self, argv: list[str], named: dict[str, Any]) -> None:
        """Keep it."""
        self.store.append(dict(named["env"]))  # leak


class PreexecKept(ShellStartPlant, on=LifecycleEvent.SHELL, culprit="started"):
    """A list keeps the function that runs between fork and exec, a closure with the working directory, for each
    shell.
    """

    def started(self, argv: list[str], named: dict[str, Any]) -> None:
        """Keep it."""
        self.store.append(named["preexec_fn"])  # leak


class ExecPipe(ShellStartPlant, on=LifecycleEvent.SHELL, culprit="started"):
    """A list keeps a pipe, which would report a failed exec, for each shell: two descriptors each."""

    def started(self, argv: list[str], named: dict[str, Any]) -> None:
        """Open it; nobody closes it."""
        self.store.append(os.pipe())  # leak


class ArgumentsInC(ShellStartPlant, on=LifecycleEvent.SHELL, culprit="started"):
    """The arguments of each shell are copied with C's strdup, through ctypes, and nobody frees them."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.strdup = ctypes.CDLL(None).strdup
        self.strdup.argtypes, self.strdup.restype = [ctypes.c_char_p], ctypes.c_void_p
        self.copies = 0

    def started(self, argv: list[str], named: dict[str, Any]) -> None:
        """Copy them as exec wants them."""
        self.strdup("\0".join(argv).encode().replace(b"\0", b" "))  # leak
        self.copies += 1

    def leaked(self) -> int:
        """Copies."""
        return self.copies


class PtyProcessKept(ShellStartPlant, on=LifecycleEvent.SHELL, culprit="forked"):
    """A list keeps the object of ptyprocess for each shell, whose descriptors are closed."""

    def forked(self, process: Any) -> None:
        """Keep it."""
        self.store.append(process)  # leak


LEAKS: tuple[type[LeakPlant], ...] = (EnvironmentKept, PreexecKept, ExecPipe, ArgumentsInC, PtyProcessKept)
