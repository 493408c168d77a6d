"""Plants in the keeper that keep something of ended shells, and decoys that only seem to.

The keeper has no event loop and outlives the agent. These modules import only the standard library.
"""

import collections
import ctypes
import importlib
import mmap
import os
import selectors
import socket
import subprocess
import threading

from mobifai.control.debug_plugins import PluginContext
from soak.plants.plant import DecoyPlant, LeakPlant, LifecycleEvent, PlantEvent

_SHELL = "/bin/sh"


class ShellTable(LeakPlant, on=LifecycleEvent.SHELL):
    """A dictionary by terminal in the keeper keeps an entry with 64 bytes for each shell that it ever started."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.table: dict[str, bytes] = {}

    def on_event(self, event: PlantEvent) -> None:
        """Remember something about the shell, which its end does not remove."""
        self.table[event.key] = bytes(64 + event.number % 2)  # leak

    def leaked(self) -> int:
        """Entries."""
        return len(self.table)


class ShellKept(LeakPlant, on=LifecycleEvent.SHELL_CLOSED):
    """A list in the keeper keeps each closed shell's object, with its label."""

    def on_event(self, event: PlantEvent) -> None:
        """Keep it."""
        self.store.append(event.thing)  # leak


class LastWords(LeakPlant, on=LifecycleEvent.SHELL_CLOSED):
    """A list in the keeper keeps a text of 80 characters for each closed shell, and no object that the collector
    knows.
    """

    def on_event(self, event: PlantEvent) -> None:
        """Keep its last words."""
        self.store.append(f"{event.key} is closed".ljust(80))  # leak


class OneShellInFive(LeakPlant, on=LifecycleEvent.SHELL):
    """A list in the keeper keeps one object of 16 bytes for every fifth shell."""

    def on_event(self, event: PlantEvent) -> None:
        """Most of the time nothing."""
        if event.number % 5 == 0:
            self.store.append(object())  # leak


class NativeBytesInKeeper(LeakPlant, on=LifecycleEvent.SHELL):
    """malloc(64) in C for each shell in the keeper, and nobody knows the address any more."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.malloc = ctypes.CDLL(None).malloc
        self.malloc.argtypes, self.malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
        self.bytes = 0

    def on_event(self, _: PlantEvent) -> None:
        """Allocate."""
        self.malloc(64)  # leak
        self.bytes += 64

    def leaked(self) -> int:
        """Bytes."""
        return self.bytes


class MapInC(LeakPlant, on=LifecycleEvent.SHELL):
    """mmap() of one shared page through ctypes for each shell in the keeper: no memory of Python's or of the C heap."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.map = ctypes.CDLL(None).mmap
        word = ctypes.c_size_t
        self.map.argtypes = [word, word, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_ssize_t]
        self.map.restype = ctypes.c_void_p
        self.maps = 0

    def on_event(self, _: PlantEvent) -> None:
        """Map a page, and forget where."""
        self.map(0, mmap.PAGESIZE, mmap.PROT_READ, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS, -1, 0)  # leak
        self.maps += 1

    def leaked(self) -> int:
        """Maps."""
        return self.maps


class RingDescriptor(LeakPlant, on=LifecycleEvent.SHELL):
    """A list in the keeper keeps a second descriptor of each shell's ring, whose memory stays with it."""

    def on_event(self, event: PlantEvent) -> None:
        """Duplicate what is closed only once."""
        self.store.append(os.dup(event.thing.memory))  # leak


class RingMapped(LeakPlant, on=LifecycleEvent.SHELL):
    """A list in the keeper keeps a view of 16 bytes of each shell's ring, and with it the map of all of it."""

    def on_event(self, event: PlantEvent) -> None:
        """Map the ring, and keep the beginning."""
        self.store.append(memoryview(mmap.mmap(event.thing.memory, 0))[:16])  # leak


class ViewOfLabel(LeakPlant, on=LifecycleEvent.SHELL):
    """A list in the keeper keeps a view of 16 bytes for each shell, and with it the buffer of 512 bytes below it."""

    def on_event(self, _: PlantEvent) -> None:
        """Keep the beginning of a buffer."""
        self.store.append(memoryview(bytearray(512))[:16])  # leak


class ThreadPerShell(LeakPlant, on=LifecycleEvent.SHELL):
    """A thread is started in the keeper for each shell, and waits for something that never happens."""

    def on_event(self, _: PlantEvent) -> None:
        """Start a thread."""
        threading.Thread(target=threading.Event().wait, name="planted", daemon=True).start()  # leak

    def leaked(self) -> int:
        """Threads."""
        return sum(thread.name == "planted" for thread in threading.enumerate())


class CycleInKeeper(LeakPlant, on=LifecycleEvent.SHELL):
    """An object in a cycle with itself is made in the keeper for each shell; when it is collected, its finalizer puts
    it into a list, and it lives again.
    """

    def on_event(self, _: PlantEvent) -> None:
        """Make it, and let it go."""
        _ResurrectedInKeeper(self.store)  # leak

    def leaked(self) -> int:
        """Objects that came back."""
        import gc  # noqa: PLC0415

        gc.collect()
        return len(self.store)


class _ResurrectedInKeeper:
    __slots__ = ("graveyard", "me")

    def __init__(self, graveyard: list["_ResurrectedInKeeper"]) -> None:
        self.graveyard = graveyard
        self.me = self

    def __del__(self) -> None:
        self.graveyard.append(self)


class SelectorListener(LeakPlant, on=LifecycleEvent.SHELL):
    """The keeper's selector watches one more socket, with a function to call, for each shell: two descriptors each."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.selector: selectors.BaseSelector = subject.keeper.selector

    def on_event(self, event: PlantEvent) -> None:
        """Watch a socket on which nothing ever comes."""
        pair = socket.socketpair()
        self.selector.register(pair[0], selectors.EVENT_READ, lambda: event.key)  # leak
        self.store.append(pair[1])

    def leaked(self) -> int:
        """Watched sockets."""
        return len(self.selector.get_map())


class HelperWithZombie(LeakPlant, on=LifecycleEvent.SHELL):
    """The keeper starts a helper for each shell, which runs on and does not wait for a child of its own: one process
    and one zombie each.
    """

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.pipe = os.pipe()  # helpers end when the keeper does, and with it the only writing end

    def on_event(self, _: PlantEvent) -> None:
        """Start it."""
        self.store.append(subprocess.Popen([_SHELL, "-c", "true & exec cat"], stdin=self.pipe[0]))  # noqa: S603  # leak


class CacheInKeeper(DecoyPlant, on=LifecycleEvent.SHELL):
    """A cache in the keeper gets an entry for each shell, of 64 different sizes, until it has its cap of 64; then the
    oldest goes.
    """

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.cache: collections.OrderedDict[str, bytes] = collections.OrderedDict()

    def on_event(self, event: PlantEvent) -> None:
        """Add, and make room."""
        self.cache[event.key] = bytes(100 + 37 * (event.number % 64))
        if len(self.cache) > 64:
            self.cache.popitem(last=False)

    def leaked(self) -> int:
        """Bytes."""
        return sum(map(len, self.cache.values()))


class RingInKeeper(DecoyPlant, on=LifecycleEvent.SHELL_CLOSED):
    """A deque in the keeper gets 512 bytes for each closed shell, until it has its cap of 64."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.ring: collections.deque[bytes] = collections.deque(maxlen=64)

    def on_event(self, event: PlantEvent) -> None:
        """Add; the ring makes room."""
        self.ring.append(event.key.encode().ljust(512))

    def leaked(self) -> int:
        """Bytes."""
        return sum(map(len, self.ring))


LATE_MODULES = ("calendar", "cmd", "colorsys", "difflib", "fractions", "graphlib", "netrc", "plistlib")


class ImportsInKeeper(DecoyPlant, on=LifecycleEvent.SHELL):
    """Each of the first 8 shells has the keeper import one more module of the standard library."""

    def on_event(self, event: PlantEvent) -> None:
        """Import what is needed now."""
        if event.number <= len(LATE_MODULES):
            self.store.append(importlib.import_module(LATE_MODULES[event.number - 1]))


LEAKS: tuple[type[LeakPlant], ...] = (
    ShellTable,
    ShellKept,
    LastWords,
    OneShellInFive,
    NativeBytesInKeeper,
    MapInC,
    RingDescriptor,
    RingMapped,
    ViewOfLabel,
    ThreadPerShell,
    CycleInKeeper,
    SelectorListener,
    HelperWithZombie,
)
DECOYS: tuple[type[DecoyPlant], ...] = (CacheInKeeper, RingInKeeper, ImportsInKeeper)
