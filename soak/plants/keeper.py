"""Plants in the keeper: leaks that keep something of each shell, and decoys that only seem to.

The keeper has no event loop and outlives the agent. Plants in the keeper import only the standard library.
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
    """For each shell, a dictionary in the keeper gets an entry with 64 bytes, whose key is the id of the terminal."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.table: dict[str, bytes] = {}

    def on_event(self, event: PlantEvent) -> None:
        """Add an entry that is not removed when the shell ends."""
        self.table[event.key] = bytes(64 + event.number % 2)  # leak

    def leaked(self) -> int:
        """Return the number of entries in the dictionary."""
        return len(self.table)


class ShellKept(LeakPlant, on=LifecycleEvent.SHELL_CLOSED):
    """For each closed shell, a list in the keeper keeps the HeldShell object, with its label."""

    def on_event(self, event: PlantEvent) -> None:
        """Keep the object of the closed shell."""
        self.store.append(event.thing)  # leak


class LastWords(LeakPlant, on=LifecycleEvent.SHELL_CLOSED):
    """For each closed shell, a list in the keeper keeps a text of 80 characters, which the garbage collector does not
    track.
    """

    def on_event(self, event: PlantEvent) -> None:
        """Keep a text about the shell."""
        self.store.append(f"{event.key} is closed".ljust(80))  # leak


class OneShellInFive(LeakPlant, on=LifecycleEvent.SHELL):
    """For every fifth shell, a list in the keeper keeps one object of 16 bytes."""

    def on_event(self, event: PlantEvent) -> None:
        """Keep an object at every fifth event."""
        if event.number % 5 == 0:
            self.store.append(object())  # leak


class NativeBytesInKeeper(LeakPlant, on=LifecycleEvent.SHELL):
    """For each shell, the keeper allocates 64 bytes with malloc in C and drops the address."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.malloc = ctypes.CDLL(None).malloc
        self.malloc.argtypes, self.malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
        self.bytes = 0

    def on_event(self, _: PlantEvent) -> None:
        """Allocate memory that is never freed."""
        self.malloc(64)  # leak
        self.bytes += 64

    def leaked(self) -> int:
        """Return the number of allocated bytes."""
        return self.bytes


class MapInC(LeakPlant, on=LifecycleEvent.SHELL):
    """For each shell, the keeper maps one shared page with mmap through ctypes, outside Python and the C heap."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.map = ctypes.CDLL(None).mmap
        word = ctypes.c_size_t
        self.map.argtypes = [word, word, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_ssize_t]
        self.map.restype = ctypes.c_void_p
        self.maps = 0

    def on_event(self, _: PlantEvent) -> None:
        """Map a page, and drop its address."""
        self.map(0, mmap.PAGESIZE, mmap.PROT_READ, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS, -1, 0)  # leak
        self.maps += 1

    def leaked(self) -> int:
        """Return the number of mapped pages."""
        return self.maps


class RingDescriptor(LeakPlant, on=LifecycleEvent.SHELL):
    """For each shell, a list in the keeper keeps a second descriptor of the ring, so that the ring's memory is not
    released.
    """

    def on_event(self, event: PlantEvent) -> None:
        """Duplicate the descriptor of the ring. The keeper closes only the original."""
        self.store.append(os.dup(event.thing.memory))  # leak


class RingMapped(LeakPlant, on=LifecycleEvent.SHELL):
    """For each shell, a list in the keeper keeps a view of 16 bytes of the ring, which keeps the whole ring mapped."""

    def on_event(self, event: PlantEvent) -> None:
        """Map the ring, and keep a view of its beginning."""
        self.store.append(memoryview(mmap.mmap(event.thing.memory, 0))[:16])  # leak


class ViewOfLabel(LeakPlant, on=LifecycleEvent.SHELL):
    """For each shell, a list in the keeper keeps a view of 16 bytes of a buffer, and with it all 512 bytes of the
    buffer.
    """

    def on_event(self, _: PlantEvent) -> None:
        """Keep a view of the beginning of a buffer."""
        self.store.append(memoryview(bytearray(512))[:16])  # leak


class ThreadPerShell(LeakPlant, on=LifecycleEvent.SHELL):
    """For each shell, the keeper starts a thread that waits for an event that never happens."""

    def on_event(self, _: PlantEvent) -> None:
        """Start a thread that never ends."""
        threading.Thread(target=threading.Event().wait, name="planted", daemon=True).start()  # leak

    def leaked(self) -> int:
        """Return the number of waiting threads that this plant has started."""
        return sum(thread.name == "planted" for thread in threading.enumerate())


class CycleInKeeper(LeakPlant, on=LifecycleEvent.SHELL):
    """For each shell, the keeper creates an object that refers to itself. When it is collected, its finalizer appends
    it to a list, which keeps it alive.
    """

    def on_event(self, _: PlantEvent) -> None:
        """Create an object that refers to itself, and drop it."""
        _ResurrectedInKeeper(self.store)  # leak

    def leaked(self) -> int:
        """Return the number of objects that their finalizers keep alive."""
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
    """For each shell, the keeper's selector watches one more socket, with a callback: two descriptors each."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.selector: selectors.BaseSelector = subject.keeper.selector

    def on_event(self, event: PlantEvent) -> None:
        """Let the selector watch a socket that never receives anything."""
        pair = socket.socketpair()
        self.selector.register(pair[0], selectors.EVENT_READ, lambda: event.key)  # leak
        self.store.append(pair[1])

    def leaked(self) -> int:
        """Return the number of sockets that the selector watches."""
        return len(self.selector.get_map())


class HelperWithZombie(LeakPlant, on=LifecycleEvent.SHELL):
    """For each shell, the keeper starts a helper that keeps running and does not wait for its own child: one process
    and one zombie each.
    """

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.pipe = os.pipe()  # the keeper has the only writing end, so the helpers end with the keeper

    def on_event(self, _: PlantEvent) -> None:
        """Start a helper process that never waits for its own child, which becomes a zombie."""
        self.store.append(subprocess.Popen([_SHELL, "-c", "true & exec cat"], stdin=self.pipe[0]))  # noqa: S603  # leak


class CacheInKeeper(DecoyPlant, on=LifecycleEvent.SHELL):
    """For each shell, a cache in the keeper gets an entry of one of 64 sizes. A full cache (64 entries) drops its
    oldest entry.
    """

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.cache: collections.OrderedDict[str, bytes] = collections.OrderedDict()

    def on_event(self, event: PlantEvent) -> None:
        """Add an entry. Remove the oldest if there are too many."""
        self.cache[event.key] = bytes(100 + 37 * (event.number % 64))
        if len(self.cache) > 64:
            self.cache.popitem(last=False)

    def leaked(self) -> int:
        """Return the size of the cache in bytes."""
        return sum(map(len, self.cache.values()))


class RingInKeeper(DecoyPlant, on=LifecycleEvent.SHELL_CLOSED):
    """For each closed shell, a deque in the keeper gets 512 bytes. It holds at most 64 entries."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.ring: collections.deque[bytes] = collections.deque(maxlen=64)

    def on_event(self, event: PlantEvent) -> None:
        """Add an entry; a full deque drops its oldest."""
        self.ring.append(event.key.encode().ljust(512))

    def leaked(self) -> int:
        """Return the size of the deque in bytes."""
        return sum(map(len, self.ring))


LATE_MODULES = ("calendar", "cmd", "colorsys", "difflib", "fractions", "graphlib", "netrc", "plistlib")


class ImportsInKeeper(DecoyPlant, on=LifecycleEvent.SHELL):
    """For each of the first 8 shells, the keeper imports one more module of the standard library."""

    def on_event(self, event: PlantEvent) -> None:
        """Import the next of LATE_MODULES, unless all are imported."""
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
