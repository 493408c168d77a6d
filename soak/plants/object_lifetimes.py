"""Plants that keep objects from being collected: cycles, tracebacks, frames and settings of the garbage collector."""

import gc
from collections.abc import Iterator

from mobifai.control.debug_plugins import PluginContext
from mobifai.errors import StateError
from soak.plants.plant import LeakPlant, LifecycleEvent, PlantEvent


class CycleWithFinalizer(LeakPlant, on=LifecycleEvent.TERMINAL):
    """For each terminal, an object that refers to itself is created. When it is collected, its finalizer appends it to
    a list, which keeps it alive.
    """

    def on_event(self, _: PlantEvent) -> None:
        """Create an object that refers to itself, and drop it."""
        _Resurrected(self.store)  # leak

    def leaked(self) -> int:
        """Return the number of objects that their finalizers keep alive."""
        gc.collect()
        return len(self.store)


class _Resurrected:
    __slots__ = ("graveyard", "me")

    def __init__(self, graveyard: list["_Resurrected"]) -> None:
        self.graveyard = graveyard
        self.me = self

    def __del__(self) -> None:
        self.graveyard.append(self)


class TracebackKept(LeakPlant, on=LifecycleEvent.TERMINAL):
    """For each terminal, a list keeps an exception, whose traceback keeps the frames and their variables."""

    def on_event(self, event: PlantEvent) -> None:
        """Raise and catch an error, and keep it."""
        try:
            raise StateError(f"terminal {event.key} has no history")  # noqa: TRY301 - a traceback of its own
        except StateError as error:
            self.store.append(error)  # leak


class SuspendedGenerator(LeakPlant, on=LifecycleEvent.TERMINAL):
    """For each terminal, a list keeps a generator that is suspended after its first step, with its frame and a buffer
    of 512 bytes.
    """

    def on_event(self, event: PlantEvent) -> None:
        """Start a generator, and do not finish it."""
        steps = _steps(event.number)
        self.store.append((next(steps), steps))  # leak


def _steps(number: int) -> Iterator[int]:
    buffer = bytes(512)
    yield number
    yield len(buffer)


class FrozenGarbage(LeakPlant, on=LifecycleEvent.TERMINAL):
    """Each time a terminal is created, two lists that refer to each other become garbage, and `gc.freeze()` hides them
    and all other objects from the garbage collector for good.
    """

    def on_event(self, event: PlantEvent) -> None:
        """Leave two lists that refer to each other, and hide them from the garbage collector."""
        _leave_cycle(event.number)
        gc.freeze()  # leak

    def leaked(self) -> int:
        """Return the number of frozen objects."""
        return gc.get_freeze_count()


class GarbageSaved(LeakPlant, on=LifecycleEvent.TERMINAL, culprit="__init__"):
    """Because gc.DEBUG_SAVEALL is set, all garbage that the collector finds stays in gc.garbage: at least two lists for
    each terminal.
    """

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        gc.set_debug(gc.DEBUG_SAVEALL)  # leak

    def on_event(self, event: PlantEvent) -> None:
        """Leave two lists that refer to each other. When the collector finds them, it adds them to gc.garbage."""
        _leave_cycle(event.number)

    def leaked(self) -> int:
        """Return the number of objects in gc.garbage."""
        gc.collect()
        return len(gc.garbage)


def _leave_cycle(number: int) -> None:
    one: list[object] = [number]
    one.append([one])


LEAKS: tuple[type[LeakPlant], ...] = (
    CycleWithFinalizer,
    TracebackKept,
    SuspendedGenerator,
    FrozenGarbage,
    GarbageSaved,
)
