"""Plants that leak objects of the event loop: tasks, futures, timers, readers and queues."""

import asyncio
import socket

from mobifai.control.debug_plugins import PluginContext
from soak.plants.plant import LeakPlant, LifecycleEvent, PlantEvent

DAY_SECONDS = 86_400.0


class TaskInSet(LeakPlant, on=LifecycleEvent.CONNECT):
    """Each time a phone connects, a set keeps one more task, which waits for an event that never happens."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.tasks: set[asyncio.Task[None]] = set()

    def on_event(self, _: PlantEvent) -> None:
        """Start a task that never ends."""
        self.tasks.add(asyncio.get_running_loop().create_task(_wait_forever(), name="planted"))  # leak

    def leaked(self) -> int:
        """Return the number of tasks that still run."""
        return sum(not task.done() for task in self.tasks)


async def _wait_forever() -> None:
    await asyncio.Event().wait()


class PendingFuture(LeakPlant, on=LifecycleEvent.TERMINAL):
    """For each terminal, a list keeps one more future, which never gets a result."""

    def on_event(self, _: PlantEvent) -> None:
        """Create a future that is never done."""
        self.store.append(asyncio.get_running_loop().create_future())  # leak


class TimerNeverCancelled(LeakPlant, on=LifecycleEvent.TERMINAL):
    """For each terminal, a timer of 24 hours holds a buffer of 256 bytes. It is not cancelled when the terminal is
    closed.
    """

    def on_event(self, _: PlantEvent) -> None:
        """Start a timer, and do not keep its handle."""
        asyncio.get_running_loop().call_later(DAY_SECONDS, self.store.remove, _Held(self))  # leak

    def leaked(self) -> int:
        """Return the number of running timers."""
        return _Held.living


class _Held:
    """The object that a timer holds. The class counts its objects, because a loop does not list its timers."""

    living = 0

    def __init__(self, _: LeakPlant) -> None:
        self.buffer = bytes(256)
        _Held.living += 1

    def __del__(self) -> None:
        _Held.living -= 1


class ReaderLeftOnLoop(LeakPlant, on=LifecycleEvent.CONNECT):
    """Each time a phone connects, the loop watches one end of another pair of sockets: two descriptors each."""

    def on_event(self, _: PlantEvent) -> None:
        """Let the loop watch a socket that never receives anything."""
        pair = socket.socketpair()
        asyncio.get_running_loop().add_reader(pair[0], self.store.append, pair)  # leak
        self.store.append(pair)


class QueueWithoutReader(LeakPlant, on=LifecycleEvent.TERMINAL):
    """For each terminal, an unbounded asyncio.Queue that nobody reads gets one more dictionary."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.queue: asyncio.Queue[dict[str, object]] = asyncio.Queue()

    def on_event(self, event: PlantEvent) -> None:
        """Put a dictionary into the queue."""
        self.queue.put_nowait({"created": event.key, "number": event.number})  # leak

    def leaked(self) -> int:
        """Return the number of items in the queue."""
        return self.queue.qsize()


LEAKS: tuple[type[LeakPlant], ...] = (
    TaskInSet,
    PendingFuture,
    TimerNeverCancelled,
    ReaderLeftOnLoop,
    QueueWithoutReader,
)
