"""Plants that leak plain Python objects: in containers, closures, caches and listeners."""

import collections
import functools
import weakref
from collections.abc import Callable
from typing import Any, ClassVar

from pyee.base import EventEmitter

from mobifai.control.debug_plugins import PluginContext
from soak.plants.plant import LeakPlant, LifecycleEvent, PlantEvent


class ListenerNotRemoved(LeakPlant, on=LifecycleEvent.CONNECT):
    """Each time a phone connects, an emitter that lives as long as the agent gets one more listener: an object of 56
    bytes and its method.
    """

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.emitter = EventEmitter()

    def on_event(self, event: PlantEvent) -> None:
        """Add a listener that is never removed."""
        self.emitter.on("changed", _Listener(event.key).changed)  # leak

    def leaked(self) -> int:
        """Return the number of listeners."""
        return len(self.emitter.listeners("changed"))


class _Listener:
    """A small object to keep. Its method `changed` can be registered as a listener."""

    def __init__(self, phone: str) -> None:
        self.phone = phone

    def changed(self) -> None:
        """Do nothing: the method that a plant registers."""


class ClosureHoldsSession(LeakPlant, on=LifecycleEvent.TERMINAL):
    """For each terminal, a list of callbacks keeps one closure, and with it the closed terminal."""

    def on_event(self, event: PlantEvent) -> None:
        """Add a callback that is never called."""
        terminal = event.thing
        self.store.append(lambda: terminal.uuid)  # leak


class BoundMethodHoldsSession(LeakPlant, on=LifecycleEvent.TERMINAL):
    """For each terminal, a list of callbacks keeps one bound method, and with it the closed terminal."""

    def on_event(self, event: PlantEvent) -> None:
        """Add a bound method of the terminal to the list of callbacks."""
        self.store.append(event.thing.replay)  # leak


class CacheOnMethod(LeakPlant, on=LifecycleEvent.TERMINAL, culprit="_title"):
    """For each terminal, an unbounded functools.lru_cache on a method keeps one entry with a text of 40 bytes."""

    def on_event(self, event: PlantEvent) -> None:
        """Call the cached method with an argument that is not in the cache."""
        self._title(event.key)

    @functools.lru_cache(maxsize=None)  # noqa: B019, UP033 - this is the leak
    def _title(self, uuid: str) -> str:
        return f"Terminal {uuid}"  # leak

    def leaked(self) -> int:
        """Return the number of cached entries."""
        return int(self._title.cache_info().currsize)


class DictBySession(LeakPlant, on=LifecycleEvent.TERMINAL):
    """For each terminal, a dictionary gets an entry with 64 bytes, whose key is the id of the terminal."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.sessions: dict[str, bytes] = {}

    def on_event(self, event: PlantEvent) -> None:
        """Add an entry that is not removed when the terminal is closed."""
        self.sessions[event.key] = bytes(64 + event.number % 2)  # leak

    def leaked(self) -> int:
        """Return the number of entries in the dictionary."""
        return len(self.sessions)


class DequeWithoutCap(LeakPlant, on=LifecycleEvent.TERMINAL):
    """For each terminal, a deque without maxlen keeps a tuple of two numbers."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.history: collections.deque[tuple[int, float]] = collections.deque()

    def on_event(self, event: PlantEvent) -> None:
        """Append a tuple of two numbers to the deque."""
        self.history.append((event.number, event.number / 3))  # leak

    def leaked(self) -> int:
        """Return the number of entries in the deque."""
        return len(self.history)


class CountCapWithoutByteCap(LeakPlant, on=LifecycleEvent.TERMINAL):
    """A deque of at most 32 texts, each 64 bytes longer than the one before, grows by 2 KB for each terminal."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.texts: collections.deque[bytes] = collections.deque(maxlen=32)

    def on_event(self, event: PlantEvent) -> None:
        """Append a text that is longer than the one before."""
        self.texts.append(bytes(64 * event.number))  # leak

    def leaked(self) -> int:
        """Return the total length of the texts in bytes."""
        return sum(map(len, self.texts))


class ListOnClass(LeakPlant, on=LifecycleEvent.DISCONNECT):
    """Each time a phone disconnects, a list that is a class attribute keeps one more small object."""

    visits: ClassVar[list[_Listener]] = []

    def on_event(self, event: PlantEvent) -> None:
        """Append to the list that all instances share."""
        self.visits.append(_Listener(str(event.number)))  # leak

    def leaked(self) -> int:
        """Return the number of entries in the list."""
        return len(self.visits)


class WeakValuesKeptElsewhere(LeakPlant, on=LifecycleEvent.TERMINAL):
    """For each terminal, a WeakValueDictionary gets a small object, which a set also refers to and so keeps alive."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.by_id: weakref.WeakValueDictionary[str, _Listener] = weakref.WeakValueDictionary()
        self.dirty: set[_Listener] = set()

    def on_event(self, event: PlantEvent) -> None:
        """Add an object to the dictionary and to the set."""
        entry = self.by_id[event.key] = _Listener(event.key)
        self.dirty.add(entry)  # leak

    def leaked(self) -> int:
        """Return the number of objects in the WeakValueDictionary."""
        return len(self.by_id)


class OneInFive(LeakPlant, on=LifecycleEvent.TERMINAL):
    """For every fifth terminal, a list keeps one object of 16 bytes: 0.2 objects for each cycle."""

    def on_event(self, event: PlantEvent) -> None:
        """Keep an object at every fifth event."""
        if event.number % 5 == 0:
            self.store.append(object())  # leak


class BytesOnly(LeakPlant, on=LifecycleEvent.TERMINAL):
    """For each terminal, one bytearray grows by 256 bytes. No object is added."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.log = bytearray()

    def on_event(self, event: PlantEvent) -> None:
        """Extend the bytearray."""
        self.log += event.key.encode().ljust(256)  # leak

    def leaked(self) -> int:
        """Return the size of the bytearray in bytes."""
        return len(self.log)


class TextOnly(LeakPlant, on=LifecycleEvent.CLOSED):
    """For each closed terminal, a list keeps a text of 200 characters, which the garbage collector does not track."""

    def on_event(self, event: PlantEvent) -> None:
        """Keep a text about the terminal."""
        self.store.append(f"{event.key} is closed".ljust(200))  # leak


class MemoryviewExport(LeakPlant, on=LifecycleEvent.TERMINAL):
    """For each terminal, a list keeps a view of 16 bytes of a buffer, and with it all 1 KB of the buffer."""

    def on_event(self, _: PlantEvent) -> None:
        """Keep a view of the beginning of a buffer."""
        self.store.append(memoryview(bytearray(1024))[:16])  # leak


class OnlyOnRefusal(LeakPlant, on=LifecycleEvent.REFUSAL):
    """For each refused request, a list keeps 20 small objects. Nothing else adds to the list."""

    def on_event(self, event: PlantEvent) -> None:
        """Keep a list of 20 texts for the refused request."""
        self.store.append([f"{event.number}: {part}" for part in range(20)])  # leak


class OnlyOnReconnect(LeakPlant, on=LifecycleEvent.CONNECT):
    """Each time that a phone connects again, a list keeps one more dictionary. A phone's first connection adds none."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.known: collections.deque[str] = collections.deque(maxlen=256)

    def on_event(self, event: PlantEvent) -> None:
        """Keep a dictionary if the phone has connected before."""
        if event.key in self.known:
            self.store.append({"phone": event.key, "visit": event.number})  # leak
        else:
            self.known.append(event.key)


class PartialOnLongLivedObject(LeakPlant, on=LifecycleEvent.DISCONNECT):
    """Each time a phone disconnects, a list of callbacks keeps one more functools.partial with its arguments."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.at_end: list[Callable[[], Any]] = []

    def on_event(self, event: PlantEvent) -> None:
        """Add a callback that is never called."""
        self.at_end.append(functools.partial(_Listener, str(event.number)))  # leak

    def leaked(self) -> int:
        """Return the number of callbacks."""
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
