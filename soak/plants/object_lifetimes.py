"""Plants that keep objects alive against the collector: cycles, tracebacks, frames and the collector's own settings."""

import gc
from collections.abc import Iterator

from mobifai.control.debug_plugins import PluginContext
from mobifai.errors import StateError
from soak.plants.plant import LeakPlant, LifecycleEvent, PlantEvent


class CycleWithFinalizer(LeakPlant, on=LifecycleEvent.TERMINAL):
    """An object in a cycle with itself is made for each terminal; when it is collected, its finalizer puts it into a
    list, and it lives again.
    """

    def on_event(self, _: PlantEvent) -> None:
        """Make it, and let it go."""
        _Resurrected(self.store)  # leak

    def leaked(self) -> int:
        """Objects that came back."""
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
    """A list of last errors keeps an exception for each terminal, and with its traceback the frames and what they
    hold.
    """

    def on_event(self, event: PlantEvent) -> None:
        """Fail, handle it, and keep the error."""
        try:
            raise StateError(f"terminal {event.key} has no history")  # noqa: TRY301 - a traceback of its own
        except StateError as error:
            self.store.append(error)  # leak


class SuspendedGenerator(LeakPlant, on=LifecycleEvent.TERMINAL):
    """A list keeps a generator for each terminal that stopped at its first step, with its frame and a buffer of 512
    bytes.
    """

    def on_event(self, event: PlantEvent) -> None:
        """Take the first step only."""
        steps = _steps(event.number)
        self.store.append((next(steps), steps))  # leak


def _steps(number: int) -> Iterator[int]:
    buffer = bytes(512)
    yield number
    yield len(buffer)


class FrozenGarbage(LeakPlant, on=LifecycleEvent.TERMINAL):
    """gc.freeze() after each terminal takes the garbage of the moment, two lists in a cycle at least, from the
    collector for good.
    """

    def on_event(self, event: PlantEvent) -> None:
        """Leave a cycle, and freeze it."""
        _leave_cycle(event.number)
        gc.freeze()  # leak

    def leaked(self) -> int:
        """Frozen objects."""
        return gc.get_freeze_count()


class GarbageSaved(LeakPlant, on=LifecycleEvent.TERMINAL, culprit="__init__"):
    """With gc.DEBUG_SAVEALL left on, all that the collector finds stays in gc.garbage: two lists for each terminal, at
    least.
    """

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        gc.set_debug(gc.DEBUG_SAVEALL)  # leak

    def on_event(self, event: PlantEvent) -> None:
        """Leave a cycle to the collector."""
        _leave_cycle(event.number)

    def leaked(self) -> int:
        """Objects in gc.garbage."""
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
