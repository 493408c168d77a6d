"""Plants that leave threads and processes behind. All of them end with the agent: by themselves, however it ends."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import psutil

from mobifai.control.debug_plugins import PluginContext
from soak.plants.plant import LeakPlant, LifecycleEvent, PlantEvent

_SHELL = "/bin/sh"
_KEEPS_64_KIB_A_LINE = """
import sys
kept = []
for line in sys.stdin:
    kept.append(b"x" * 65536)
"""


class ThreadPerReconnect(LeakPlant, on=LifecycleEvent.CONNECT):
    """Each time that a phone came, a thread is started that waits for something that never happens."""

    def on_event(self, _: PlantEvent) -> None:
        """Start a thread."""
        threading.Thread(target=threading.Event().wait, name="planted", daemon=True).start()  # leak

    def leaked(self) -> int:
        """Threads."""
        return sum(thread.name == "planted" for thread in threading.enumerate())


class ExecutorPerConnect(LeakPlant, on=LifecycleEvent.CONNECT):
    """Each time that a phone came, an executor with one idle thread is kept."""

    def on_event(self, event: PlantEvent) -> None:
        """Have a thread do something short."""
        executor = ThreadPoolExecutor(1, thread_name_prefix="planted-pool")
        executor.submit(str, event.number)
        self.store.append(executor)  # leak

    def leaked(self) -> int:
        """Threads."""
        return sum(thread.name.startswith("planted-pool") for thread in threading.enumerate())


class Zombie(LeakPlant, on=LifecycleEvent.TERMINAL):
    """A child process that exits immediately is started for each terminal, and nobody waits for it: one zombie each."""

    def on_event(self, _: PlantEvent) -> None:
        """Start it."""
        os.posix_spawn(_SHELL, [_SHELL, "-c", "exit 0"], os.environ)  # leak

    def leaked(self) -> int:
        """Zombies of this process."""
        return sum(child.status() == psutil.STATUS_ZOMBIE for child in psutil.Process().children())


class OrphanGrandchild(LeakPlant, on=LifecycleEvent.CONNECT):
    """Each time that a phone came, a child leaves a shell behind that sleeps on a pipe of the agent: one process each,
    whose parent is not the agent.
    """

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.pipe = os.pipe()  # the shells end when the agent does, and with it the only writing end

    def on_event(self, _: PlantEvent) -> None:
        """Run a child that leaves one of its own."""
        script = "exec 3<&0; (read never) <&3 >/dev/null 2>&1 & echo $!"
        done = subprocess.run([_SHELL, "-c", script], stdin=self.pipe[0], stdout=subprocess.PIPE, check=True)  # noqa: S603
        self.store.append(int(done.stdout))  # leak

    def leaked(self) -> int:
        """Processes that live."""
        return sum(psutil.pid_exists(pid) for pid in self.store)


class ChildKeepsMemory(LeakPlant, on=LifecycleEvent.TERMINAL):
    """A child process that the agent talks to for as long as it lives keeps 64 KiB more for each terminal."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        command = [sys.executable, "-I", "-S", "-c", _KEEPS_64_KIB_A_LINE]
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, bufsize=0)  # noqa: S603

    def on_event(self, event: PlantEvent) -> None:
        """Tell it a line; it ends with our end of the pipe."""
        assert self.child.stdin is not None  # noqa: S101
        self.child.stdin.write(f"{event.key}\n".encode())  # leak

    def leaked(self) -> int:
        """Bytes of the child's own."""
        return int(psutil.Process(self.child.pid).memory_full_info().uss)


LEAKS: tuple[type[LeakPlant], ...] = (
    ThreadPerReconnect,
    ExecutorPerConnect,
    Zombie,
    OrphanGrandchild,
    ChildKeepsMemory,
)
