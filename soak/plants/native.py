"""Plants whose leak is in no Python object: on the C heap, in memory maps, or in reference counts."""

import ctypes
import mmap

from mobifai.control.debug_plugins import PluginContext
from soak.plants.plant import LeakPlant, LifecycleEvent, PlantEvent


class SixteenNativeBytes(LeakPlant, on=LifecycleEvent.TERMINAL):
    """For each terminal, 16 bytes are allocated with malloc in C, and their address is dropped."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.malloc = ctypes.CDLL(None).malloc
        self.malloc.argtypes, self.malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
        self.bytes = 0

    def on_event(self, _: PlantEvent) -> None:
        """Allocate memory that is never freed."""
        self.malloc(16)  # leak
        self.bytes += 16

    def leaked(self) -> int:
        """Return the number of allocated bytes."""
        return self.bytes


class MmapPerTerminal(LeakPlant, on=LifecycleEvent.TERMINAL):
    """For each terminal, a list keeps an anonymous memory map of one page (4 KiB)."""

    def on_event(self, event: PlantEvent) -> None:
        """Map a page, and write to it."""
        self.store.append(mmap.mmap(-1, mmap.PAGESIZE))  # leak
        self.store[-1][0] = event.number % 256


class ReferenceTooMany(LeakPlant, on=LifecycleEvent.TERMINAL):
    """For each terminal, the reference count of a text of 100 characters is one too high, as after a fault in C. No
    object refers to the text, but it is never freed.
    """

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.count = ctypes.pythonapi.Py_IncRef
        self.count.argtypes, self.count.restype = [ctypes.py_object], None
        self.bytes = 0

    def on_event(self, event: PlantEvent) -> None:
        """Create a text, and increment its reference count."""
        text = event.key.ljust(100)
        self.count(text)  # leak
        self.bytes += len(text)

    def leaked(self) -> int:
        """Return the total length of the texts in bytes."""
        return self.bytes


LEAKS: tuple[type[LeakPlant], ...] = (SixteenNativeBytes, MmapPerTerminal, ReferenceTooMany)
