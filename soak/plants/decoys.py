"""Decoys: growth that a correct program shows for a while, and that then ends. None of them is a leak."""

import asyncio
import collections
import functools
import gc
import importlib
import logging
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from logging.handlers import RotatingFileHandler
from pathlib import Path

from mobifai.control.debug_plugins import PluginContext
from soak.plants.plant import DecoyPlant, LifecycleEvent, PlantEvent

CAP = 64


class CacheFilling(DecoyPlant, on=LifecycleEvent.TERMINAL):
    """For each terminal, a cache gets an entry of one of 64 sizes. A full cache (64 entries) drops its oldest entry."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.cache: collections.OrderedDict[str, bytes] = collections.OrderedDict()

    def on_event(self, event: PlantEvent) -> None:
        """Add an entry. Remove the oldest if there are too many."""
        self.cache[event.key] = bytes(100 + 37 * (event.number % CAP))
        if len(self.cache) > CAP:
            self.cache.popitem(last=False)

    def leaked(self) -> int:
        """Return the size of the cache in bytes."""
        return sum(map(len, self.cache.values()))


class RingFilling(DecoyPlant, on=LifecycleEvent.TERMINAL):
    """For each terminal, a deque gets 512 bytes. It holds at most 64 entries."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.ring: collections.deque[bytes] = collections.deque(maxlen=CAP)

    def on_event(self, event: PlantEvent) -> None:
        """Add an entry; a full deque drops its oldest."""
        self.ring.append(event.key.encode().ljust(512))

    def leaked(self) -> int:
        """Return the size of the deque in bytes."""
        return sum(map(len, self.ring))


class SizedLruCache(DecoyPlant, on=LifecycleEvent.CLOSED):
    """For each closed terminal, a functools.lru_cache of at most 64 entries gets one more entry."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.title = functools.lru_cache(maxsize=CAP)(str.upper)

    def on_event(self, event: PlantEvent) -> None:
        """Look up a key that is not in the cache."""
        self.title(event.key)

    def leaked(self) -> int:
        """Return the number of cached entries."""
        return int(self.title.cache_info().currsize)


LATE_MODULES = (
    "calendar", "cmd", "colorsys", "difflib", "fractions", "graphlib", "netrc", "plistlib", "pprint", "sched",
    "tabnanny", "wave",
)  # fmt: skip


class LazyImports(DecoyPlant, on=LifecycleEvent.TERMINAL):
    """Each of the first 12 terminals imports one more module of the standard library."""

    def on_event(self, event: PlantEvent) -> None:
        """Import the next of LATE_MODULES, unless all are imported."""
        if event.number <= len(LATE_MODULES):
            self.store.append(importlib.import_module(LATE_MODULES[event.number - 1]))


class DictionaryResizing(DecoyPlant, on=LifecycleEvent.TERMINAL):
    """For each terminal, up to 504 numbers are added to a dictionary, which is then cut to 64: its table grows and
    shrinks.
    """

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.table: dict[int, int] = {}

    def on_event(self, event: PlantEvent) -> None:
        """Insert a varying number of entries, then remove the oldest entries until 64 are left."""
        for number in range(event.number * 37 % CAP * 8):
            self.table[event.number * 1000 + number] = number
        while len(self.table) > CAP:
            del self.table[next(iter(self.table))]

    def leaked(self) -> int:
        """Return the number of entries in the dictionary."""
        return len(self.table)


class ThreadPoolRampingUp(DecoyPlant, on=LifecycleEvent.TERMINAL):
    """A pool of at most 4 threads gets one more thread with every fourth of the first 16 terminals."""

    threads = 4

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.pool = ThreadPoolExecutor(self.threads, thread_name_prefix="decoy-pool")

    def on_event(self, event: PlantEvent) -> None:
        """Submit one short task for each thread that the pool should have."""
        for _ in range(min(self.threads, 1 + event.number // 4)):
            self.pool.submit(time.sleep, 0.01)

    def leaked(self) -> int:
        """Return the number of threads in the pool."""
        return sum(thread.name.startswith("decoy-pool") for thread in threading.enumerate())


class FragmentationAfterBurst(DecoyPlant, on=LifecycleEvent.TERMINAL):
    """At the tenth terminal, 20 MB in pieces of mixed sizes are allocated. All but every 200th piece are freed: about
    100 KB stay, scattered over the heap.
    """

    def on_event(self, event: PlantEvent) -> None:
        """At the tenth event, allocate the pieces and free all but every 200th."""
        if event.number == 10:
            burst = [bytes(16 + 61 * number % 4000) for number in range(10_000)]
            self.store = burst[::200]


class LogRotation(DecoyPlant, on=LifecycleEvent.TERMINAL):
    """For each terminal, 1 KB is written to a separate log file. The file is rotated at 16 KB, and two old files are
    kept.
    """

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.path: Path = subject.agent.state_dir / "decoy.log"
        self.logger = logging.Logger("decoy")  # not registered with logging, so that no other code finds it
        self.logger.addHandler(RotatingFileHandler(self.path, maxBytes=16 << 10, backupCount=2))

    def on_event(self, event: PlantEvent) -> None:
        """Write 1 KB to the log."""
        self.logger.warning("%s", event.key.ljust(1000))

    def leaked(self) -> int:
        """Return the number of log files."""
        return len(list(self.path.parent.glob("decoy.log*")))


class AllocatorWarmUp(DecoyPlant, on=LifecycleEvent.TERMINAL):
    """For each terminal, 16 buffers of varying sizes are allocated, and freed in another order."""

    def on_event(self, event: PlantEvent) -> None:
        """Allocate the buffers and free them. Only the allocator's reserves remain."""
        self.store = [bytearray(32 << (number % 8)) + bytes(event.number % CAP) for number in range(16)]
        while self.store:
            self.store.pop(len(self.store) // 2)


class LongTimer(DecoyPlant, on=LifecycleEvent.TERMINAL):
    """For each terminal, a timer of 5 seconds holds 512 bytes and releases them when it expires."""

    seconds = 5.0

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.waiting: dict[int, bytes] = {}

    def on_event(self, event: PlantEvent) -> None:
        """Hold a buffer until a timer expires."""
        self.waiting[event.number] = bytes(512)
        asyncio.get_running_loop().call_later(self.seconds, self.waiting.pop, event.number)

    def leaked(self) -> int:
        """Return the number of running timers."""
        return len(self.waiting)


class WeakRegistry(DecoyPlant, on=LifecycleEvent.TERMINAL):
    """A WeakSet refers to each terminal, but does not keep it alive."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.terminals: weakref.WeakSet[object] = weakref.WeakSet()

    def on_event(self, event: PlantEvent) -> None:
        """Add the terminal to the set."""
        self.terminals.add(event.thing)

    def leaked(self) -> int:
        """Return the number of terminals in the set."""
        gc.collect()  # a closed terminal is in a reference cycle
        return len(self.terminals)


DECOYS: tuple[type[DecoyPlant], ...] = (
    CacheFilling,
    RingFilling,
    SizedLruCache,
    LazyImports,
    DictionaryResizing,
    ThreadPoolRampingUp,
    FragmentationAfterBurst,
    LogRotation,
    AllocatorWarmUp,
    LongTimer,
    WeakRegistry,
)
