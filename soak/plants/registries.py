"""Plants that register something with the interpreter, logging or the ledger, and never unregister it."""

import atexit
import contextvars
import functools
import logging
import sys
import weakref

from mobifai.bounds import Bound
from mobifai.control.debug_plugins import PluginContext
from mobifai.limits import SIGNALS
from soak.plants.plant import LeakPlant, LifecycleEvent, PlantEvent

_CURRENT: contextvars.ContextVar[str] = contextvars.ContextVar("soak_plant_session", default="")


def _at_end(_: str) -> None:
    """Do nothing: this is the function that plants register."""


class AtexitRegistry(LeakPlant, on=LifecycleEvent.DISCONNECT):
    """Each time a phone disconnects, atexit gets one more function with its argument."""

    registered = 0

    def on_event(self, event: PlantEvent) -> None:
        """Register a function that runs at exit."""
        atexit.register(functools.partial(_at_end, f"phone {event.number}"))  # leak
        self.registered += 1

    def leaked(self) -> int:
        """Return the number of registered functions."""
        return self.registered


class FinalizeRegistry(LeakPlant, on=LifecycleEvent.DISCONNECT):
    """Each time a phone disconnects, weakref.finalize registers one more function for an object that lives as long as
    the process.
    """

    registered = 0

    def on_event(self, event: PlantEvent) -> None:
        """Register a finalizer for this object."""
        weakref.finalize(self, _at_end, f"phone {event.number}")  # leak
        self.registered += 1

    def leaked(self) -> int:
        """Return the number of finalizers."""
        return self.registered


class InternedKeys(LeakPlant, on=LifecycleEvent.TERMINAL):
    """For each terminal, its id with a prefix is interned and becomes a key of a dictionary: 60 bytes each."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.seen: dict[str, int] = {}

    def on_event(self, event: PlantEvent) -> None:
        """Add an interned key."""
        self.seen[sys.intern(f"terminal:{event.key}")] = 1  # leak

    def leaked(self) -> int:
        """Return the number of interned keys."""
        return len(self.seen)


class ContextCopies(LeakPlant, on=LifecycleEvent.CONNECT):
    """Each time a phone connects, a list keeps a copy of the context with one variable set."""

    def on_event(self, event: PlantEvent) -> None:
        """Keep a copy of the current context, in which one variable is set."""
        token = _CURRENT.set(f"phone {event.number}")
        self.store.append(contextvars.copy_context())  # leak
        _CURRENT.reset(token)


class LogHandler(LeakPlant, on=LifecycleEvent.CONNECT):
    """Each time a phone connects, the logger `mobifai.soak` gets one more handler, which writes nothing."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.logger = logging.getLogger("mobifai.soak")

    def on_event(self, _: PlantEvent) -> None:
        """Add a handler to the logger. It is never removed."""
        self.logger.addHandler(logging.NullHandler())  # leak

    def leaked(self) -> int:
        """Return the number of handlers."""
        return len(self.logger.handlers)


class LoggerPerSession(LeakPlant, on=LifecycleEvent.TERMINAL):
    """For each terminal, logging keeps a logger of about 500 bytes, which has the id of the terminal in its name."""

    def on_event(self, event: PlantEvent) -> None:
        """Log with a new logger, which has the terminal's id in its name."""
        logging.getLogger(f"mobifai.soak.{event.key}").debug("opened")  # leak

    def leaked(self) -> int:
        """Return the number of loggers."""
        return sum(name.startswith("mobifai.soak.") for name in logging.root.manager.loggerDict)


class LedgerAccount(LeakPlant, on=LifecycleEvent.CONNECT):
    """Each time a phone connects, the ledger opens another bound of the limit `link.signals`, which is never closed."""

    def on_event(self, _: PlantEvent) -> None:
        """Open another bound in the ledger, and do not close it."""
        self.bound: Bound = self.subject.ledger.open(SIGNALS)  # leak

    def leaked(self) -> int:
        """Return the number of open bounds of this limit."""
        return next(entry.instances for entry in self.subject.ledger.entries() if entry.name == SIGNALS.name)


class ClassPerSession(LeakPlant, on=LifecycleEvent.TERMINAL):
    """For each terminal, a dictionary keeps a new class of about 1.5 KB."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.classes: dict[str, type] = {}

    def on_event(self, event: PlantEvent) -> None:
        """Create a class for the terminal, and keep it."""
        self.classes[event.key] = type("Session", (), {"uuid": event.key})  # leak

    def leaked(self) -> int:
        """Return the number of classes."""
        return len(self.classes)


LEAKS: tuple[type[LeakPlant], ...] = (
    AtexitRegistry,
    FinalizeRegistry,
    InternedKeys,
    ContextCopies,
    LogHandler,
    LoggerPerSession,
    LedgerAccount,
    ClassPerSession,
)
