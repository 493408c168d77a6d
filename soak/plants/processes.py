"""Plants that leave threads and processes running. All of these end with the agent, even if it is killed."""

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
    """Each time a phone connects, a thread is started that waits for an event that never happens."""

    def on_event(self, _: PlantEvent) -> None:
        """Start a thread that never ends."""
        threading.Thread(target=threading.Event().wait, name="planted", daemon=True).start()  # leak

    def leaked(self) -> int:
        """Return the number of waiting threads that this plant has started."""
        return sum(thread.name == "planted" for thread in threading.enumerate())


class ExecutorPerConnect(LeakPlant, on=LifecycleEvent.CONNECT):
    """Each time a phone connects, a list keeps one more executor with an idle thread."""

    def on_event(self, event: PlantEvent) -> None:
        """Run a short task in a new executor, and keep the executor with its thread."""
        executor = ThreadPoolExecutor(1, thread_name_prefix="planted-pool")
        executor.submit(str, event.number)
        self.store.append(executor)  # leak

    def leaked(self) -> int:
        """Return the number of threads of the executors."""
        return sum(thread.name.startswith("planted-pool") for thread in threading.enumerate())


class Zombie(LeakPlant, on=LifecycleEvent.TERMINAL):
    """For each terminal, a child process is started that exits immediately and is never waited for: one zombie each."""

    def on_event(self, _: PlantEvent) -> None:
        """Start a child process that exits, and do not wait for it."""
        os.posix_spawn(_SHELL, [_SHELL, "-c", "exit 0"], os.environ)  # leak

    def leaked(self) -> int:
        """Return the number of zombies of this process."""
        return sum(child.status() == psutil.STATUS_ZOMBIE for child in psutil.Process().children())


class OrphanGrandchild(LeakPlant, on=LifecycleEvent.CONNECT):
    """Each time a phone connects, a child process exits and leaves a shell that waits on a pipe of the agent: one
    process each, whose parent is not the agent.
    """

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.pipe = os.pipe()  # the agent has the only writing end, so the shells end with the agent

    def on_event(self, _: PlantEvent) -> None:
        """Run a child process that starts another process and exits."""
        script = "exec 3<&0; (read never) <&3 >/dev/null 2>&1 & echo $!"
        done = subprocess.run([_SHELL, "-c", script], stdin=self.pipe[0], stdout=subprocess.PIPE, check=True)  # noqa: S603
        self.store.append(int(done.stdout))  # leak

    def leaked(self) -> int:
        """Return the number of orphaned shells that still run."""
        return sum(psutil.pid_exists(pid) for pid in self.store)


class ChildKeepsMemory(LeakPlant, on=LifecycleEvent.TERMINAL):
    """A child process, which runs as long as the agent, keeps 64 KiB more for each terminal."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        command = [sys.executable, "-I", "-S", "-c", _KEEPS_64_KIB_A_LINE]
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, bufsize=0)  # noqa: S603

    def on_event(self, event: PlantEvent) -> None:
        """Send the child a line. The child ends when this process closes the pipe."""
        assert self.child.stdin is not None  # noqa: S101
        self.child.stdin.write(f"{event.key}\n".encode())  # leak

    def leaked(self) -> int:
        """Return the memory that only the child uses, in bytes."""
        return int(psutil.Process(self.child.pid).memory_full_info().uss)


LEAKS: tuple[type[LeakPlant], ...] = (
    ThreadPerReconnect,
    ExecutorPerConnect,
    Zombie,
    OrphanGrandchild,
    ChildKeepsMemory,
)
