"""Plants that keep what belongs to the event loop: tasks, futures, timers, readers and queues."""

import asyncio
import socket

from mobifai.control.debug_plugins import PluginContext
from soak.plants.plant import LeakPlant, LifecycleEvent, PlantEvent

DAY_SECONDS = 86_400.0


class TaskInSet(LeakPlant, on=LifecycleEvent.CONNECT):
    """A set keeps a task for each phone that came; it waits for something that never happens."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.tasks: set[asyncio.Task[None]] = set()

    def on_event(self, _: PlantEvent) -> None:
        """Start to wait."""
        self.tasks.add(asyncio.get_running_loop().create_task(_wait_for_ever(), name="planted"))  # leak

    def leaked(self) -> int:
        """Tasks that go on."""
        return sum(not task.done() for task in self.tasks)


async def _wait_for_ever() -> None:
    await asyncio.Event().wait()


class PendingFuture(LeakPlant, on=LifecycleEvent.TERMINAL):
    """A list keeps a future for each terminal that nobody ever gives a result."""

    def on_event(self, _: PlantEvent) -> None:
        """Expect an answer."""
        self.store.append(asyncio.get_running_loop().create_future())  # leak


class TimerNeverCancelled(LeakPlant, on=LifecycleEvent.TERMINAL):
    """A timer of 24 hours holds a buffer of 256 bytes for each terminal, and is not cancelled when that is closed."""

    def on_event(self, _: PlantEvent) -> None:
        """Set a timer, and forget it."""
        asyncio.get_running_loop().call_later(DAY_SECONDS, self.store.remove, _Held(self))  # leak

    def leaked(self) -> int:
        """Timers that run."""
        return _Held.living


class _Held:
    """The object that a timer holds; it counts itself, because a loop does not list its timers."""

    living = 0

    def __init__(self, _: LeakPlant) -> None:
        self.buffer = bytes(256)
        _Held.living += 1

    def __del__(self) -> None:
        _Held.living -= 1


class ReaderLeftOnLoop(LeakPlant, on=LifecycleEvent.CONNECT):
    """The loop watches one end of a pair of sockets more for each phone that came: two descriptors each."""

    def on_event(self, _: PlantEvent) -> None:
        """Watch a socket on which nothing ever comes."""
        pair = socket.socketpair()
        asyncio.get_running_loop().add_reader(pair[0], self.store.append, pair)  # leak
        self.store.append(pair)


class QueueWithoutReader(LeakPlant, on=LifecycleEvent.TERMINAL):
    """An asyncio.Queue without a size, which nobody reads, gets a dictionary for each terminal."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.queue: asyncio.Queue[dict[str, object]] = asyncio.Queue()

    def on_event(self, event: PlantEvent) -> None:
        """Tell who would listen."""
        self.queue.put_nowait({"created": event.key, "number": event.number})  # leak

    def leaked(self) -> int:
        """Waiting items."""
        return self.queue.qsize()


LEAKS: tuple[type[LeakPlant], ...] = (
    TaskInSet,
    PendingFuture,
    TimerNeverCancelled,
    ReaderLeftOnLoop,
    QueueWithoutReader,
)
