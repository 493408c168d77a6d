"""Plants that keep plain Python objects: in containers, closures, caches and listeners."""

import collections
import functools
import weakref
from collections.abc import Callable
from typing import Any, ClassVar

from pyee.base import EventEmitter

from mobifai.control.debug_plugins import PluginContext
from soak.plants.plant import LeakPlant, LifecycleEvent, PlantEvent


class ListenerNotRemoved(LeakPlant, on=LifecycleEvent.CONNECT):
    """An emitter that lives as long as the agent gets one more listener, an object of 56 bytes and its method, for each
    phone that comes.
    """

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.emitter = EventEmitter()

    def on_event(self, event: PlantEvent) -> None:
        """Subscribe a new listener; nobody takes it off."""
        self.emitter.on("changed", _Listener(event.key).changed)  # leak

    def leaked(self) -> int:
        """Listeners."""
        return len(self.emitter.listeners("changed"))


class _Listener:
    """Somebody who wants to know."""

    def __init__(self, phone: str) -> None:
        self.phone = phone

    def changed(self) -> None:
        """Take note."""


class ClosureHoldsSession(LeakPlant, on=LifecycleEvent.TERMINAL):
    """A list of callbacks keeps one closure for each terminal, and through it the closed terminal itself."""

    def on_event(self, event: PlantEvent) -> None:
        """Add a callback that nobody ever calls."""
        terminal = event.thing
        self.store.append(lambda: terminal.uuid)  # leak


class BoundMethodHoldsSession(LeakPlant, on=LifecycleEvent.TERMINAL):
    """A list of callbacks keeps one bound method for each terminal, and with it the closed terminal itself."""

    def on_event(self, event: PlantEvent) -> None:
        """Add a method of the terminal."""
        self.store.append(event.thing.replay)  # leak


class CacheOnMethod(LeakPlant, on=LifecycleEvent.TERMINAL, culprit="_title"):
    """A functools.lru_cache without a size on a method keeps one entry with a text of 40 bytes for each terminal."""

    def on_event(self, event: PlantEvent) -> None:
        """Ask for a title."""
        self._title(event.key)

    @functools.lru_cache(maxsize=None)  # noqa: B019, UP033 - this is the leak
    def _title(self, uuid: str) -> str:
        return f"Terminal {uuid}"  # leak

    def leaked(self) -> int:
        """Entries."""
        return int(self._title.cache_info().currsize)


class DictBySession(LeakPlant, on=LifecycleEvent.TERMINAL):
    """A dictionary by terminal id keeps an entry with 64 bytes for each terminal that ever was."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.sessions: dict[str, bytes] = {}

    def on_event(self, event: PlantEvent) -> None:
        """Remember something about the terminal, which its end does not remove."""
        self.sessions[event.key] = bytes(64 + event.number % 2)  # leak

    def leaked(self) -> int:
        """Entries."""
        return len(self.sessions)


class DequeWithoutCap(LeakPlant, on=LifecycleEvent.TERMINAL):
    """A deque without maxlen keeps a tuple of two numbers for each terminal."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.history: collections.deque[tuple[int, float]] = collections.deque()

    def on_event(self, event: PlantEvent) -> None:
        """Note when it was."""
        self.history.append((event.number, event.number / 3))  # leak

    def leaked(self) -> int:
        """Tuples."""
        return len(self.history)


class CountCapWithoutByteCap(LeakPlant, on=LifecycleEvent.TERMINAL):
    """A deque of at most 32 texts, each 64 bytes longer than the last, grows by 2 KB for each terminal."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.texts: collections.deque[bytes] = collections.deque(maxlen=32)

    def on_event(self, event: PlantEvent) -> None:
        """Keep the newest, however long they are."""
        self.texts.append(bytes(64 * event.number))  # leak

    def leaked(self) -> int:
        """Bytes."""
        return sum(map(len, self.texts))


class ListOnClass(LeakPlant, on=LifecycleEvent.DISCONNECT):
    """A list that is an attribute of the class, not of its objects, keeps a small object for each phone that left."""

    visits: ClassVar[list[_Listener]] = []

    def on_event(self, event: PlantEvent) -> None:
        """Append to what every object shares."""
        self.visits.append(_Listener(str(event.number)))  # leak

    def leaked(self) -> int:
        """Objects."""
        return len(self.visits)


class WeakValuesKeptElsewhere(LeakPlant, on=LifecycleEvent.TERMINAL):
    """A WeakValueDictionary would forget its entries, but each entry is also in a set: one small object a terminal."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.by_id: weakref.WeakValueDictionary[str, _Listener] = weakref.WeakValueDictionary()
        self.dirty: set[_Listener] = set()

    def on_event(self, event: PlantEvent) -> None:
        """Register an object, and mark it as changed for good."""
        entry = self.by_id[event.key] = _Listener(event.key)
        self.dirty.add(entry)  # leak

    def leaked(self) -> int:
        """Entries that live."""
        return len(self.by_id)


class OneInFive(LeakPlant, on=LifecycleEvent.TERMINAL):
    """A list keeps one object of 16 bytes for every fifth terminal: 0.2 objects a cycle."""

    def on_event(self, event: PlantEvent) -> None:
        """Most of the time nothing."""
        if event.number % 5 == 0:
            self.store.append(object())  # leak


class BytesOnly(LeakPlant, on=LifecycleEvent.TERMINAL):
    """One bytearray grows by 256 bytes for each terminal, and no object is added."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.log = bytearray()

    def on_event(self, event: PlantEvent) -> None:
        """Write down what happened."""
        self.log += event.key.encode().ljust(256)  # leak

    def leaked(self) -> int:
        """Bytes."""
        return len(self.log)


class TextOnly(LeakPlant, on=LifecycleEvent.CLOSED):
    """A list keeps a text of 200 characters for each closed terminal, and no object that the collector knows."""

    def on_event(self, event: PlantEvent) -> None:
        """Keep its last words."""
        self.store.append(f"{event.key} is closed".ljust(200))  # leak


class MemoryviewExport(LeakPlant, on=LifecycleEvent.TERMINAL):
    """A list keeps a view of 16 bytes for each terminal, and with it the buffer of 1 KB that it is a view of."""

    def on_event(self, _: PlantEvent) -> None:
        """Keep the beginning of a buffer."""
        self.store.append(memoryview(bytearray(1024))[:16])  # leak


class OnlyOnRefusal(LeakPlant, on=LifecycleEvent.REFUSAL):
    """A list keeps the details of a refused request, 20 small objects, and nothing else ever adds to it."""

    def on_event(self, event: PlantEvent) -> None:
        """Keep them for a report that nobody reads."""
        self.store.append([f"{event.number}: {part}" for part in range(20)])  # leak


class OnlyOnReconnect(LeakPlant, on=LifecycleEvent.CONNECT):
    """A list keeps a dictionary for each visit of a phone but its first."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.known: collections.deque[str] = collections.deque(maxlen=256)

    def on_event(self, event: PlantEvent) -> None:
        """Resume what a known phone left; only for that something is kept."""
        if event.key in self.known:
            self.store.append({"phone": event.key, "visit": event.number})  # leak
        else:
            self.known.append(event.key)


class PartialOnLongLivedObject(LeakPlant, on=LifecycleEvent.DISCONNECT):
    """A list of things to do at the end keeps one functools.partial with its arguments for each phone that left."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.at_end: list[Callable[[], Any]] = []

    def on_event(self, event: PlantEvent) -> None:
        """Put off what could be done now."""
        self.at_end.append(functools.partial(_Listener, str(event.number)))  # leak

    def leaked(self) -> int:
        """Things to do."""
        return len(self.at_end)


LEAKS: tuple[type[LeakPlant], ...] = (
    ListenerNotRemoved,
    ClosureHoldsSession,
    BoundMethodHoldsSession,
    CacheOnMethod,
    DictBySession,
    DequeWithoutCap,
    CountCapWithoutByteCap,
    ListOnClass,
    WeakValuesKeptElsewhere,
    OneInFive,
    BytesOnly,
    TextOnly,
    MemoryviewExport,
    OnlyOnRefusal,
    OnlyOnReconnect,
    PartialOnLongLivedObject,
)
