"""Plants that no Python object shows: on the C heap, in maps, in the counts of references."""

import ctypes
import mmap

from mobifai.control.debug_plugins import PluginContext
from soak.plants.plant import LeakPlant, LifecycleEvent, PlantEvent


class SixteenNativeBytes(LeakPlant, on=LifecycleEvent.TERMINAL):
    """malloc(16) in C for each terminal, and nobody knows the address any more."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.malloc = ctypes.CDLL(None).malloc
        self.malloc.argtypes, self.malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
        self.bytes = 0

    def on_event(self, _: PlantEvent) -> None:
        """Allocate."""
        self.malloc(16)  # leak
        self.bytes += 16

    def leaked(self) -> int:
        """Bytes."""
        return self.bytes


class MmapPerTerminal(LeakPlant, on=LifecycleEvent.TERMINAL):
    """A list keeps an anonymous memory map of one page, 4 KiB, for each terminal."""

    def on_event(self, event: PlantEvent) -> None:
        """Map a page, and touch it."""
        self.store.append(mmap.mmap(-1, mmap.PAGESIZE))  # leak
        self.store[-1][0] = event.number % 256


class ReferenceTooMany(LeakPlant, on=LifecycleEvent.TERMINAL):
    """One reference too many is counted for a text of 100 characters, as a fault in C would: one such text for each
    terminal that nothing holds.
    """

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.count = ctypes.pythonapi.Py_IncRef
        self.count.argtypes, self.count.restype = [ctypes.py_object], None
        self.bytes = 0

    def on_event(self, event: PlantEvent) -> None:
        """Make a text that can never end."""
        text = event.key.ljust(100)
        self.count(text)  # leak
        self.bytes += len(text)

    def leaked(self) -> int:
        """Characters."""
        return self.bytes


LEAKS: tuple[type[LeakPlant], ...] = (SixteenNativeBytes, MmapPerTerminal, ReferenceTooMany)
