"""Plants that register something with the interpreter, the logs or the ledger, and never unregister it."""

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
    """Do nothing."""


class AtexitRegistry(LeakPlant, on=LifecycleEvent.DISCONNECT):
    """atexit keeps one more function with its argument for each phone that left."""

    registered = 0

    def on_event(self, event: PlantEvent) -> None:
        """Register what would clean up."""
        atexit.register(functools.partial(_at_end, f"phone {event.number}"))  # leak
        self.registered += 1

    def leaked(self) -> int:
        """Registered functions."""
        return self.registered


class FinalizeRegistry(LeakPlant, on=LifecycleEvent.DISCONNECT):
    """weakref.finalize on an object that never ends keeps one more entry, with its argument, for each phone that
    left.
    """

    registered = 0

    def on_event(self, event: PlantEvent) -> None:
        """Watch the end of an object that never ends."""
        weakref.finalize(self, _at_end, f"phone {event.number}")  # leak
        self.registered += 1

    def leaked(self) -> int:
        """Entries."""
        return self.registered


class InternedKeys(LeakPlant, on=LifecycleEvent.TERMINAL):
    """Each terminal's id with a prefix is interned, and is a key of a dictionary: a text of 60 bytes more each time."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.seen: dict[str, int] = {}

    def on_event(self, event: PlantEvent) -> None:
        """Count by an interned key."""
        self.seen[sys.intern(f"terminal:{event.key}")] = 1  # leak

    def leaked(self) -> int:
        """Keys."""
        return len(self.seen)


class ContextCopies(LeakPlant, on=LifecycleEvent.CONNECT):
    """A list keeps a copy of the context, with one variable set, for each phone that came."""

    def on_event(self, event: PlantEvent) -> None:
        """Remember the context for later."""
        token = _CURRENT.set(f"phone {event.number}")
        self.store.append(contextvars.copy_context())  # leak
        _CURRENT.reset(token)


class LogHandler(LeakPlant, on=LifecycleEvent.CONNECT):
    """The logger `mobifai.soak` gets one more handler, that writes nothing, for each phone that came."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.logger = logging.getLogger("mobifai.soak")

    def on_event(self, _: PlantEvent) -> None:
        """Add a handler."""
        self.logger.addHandler(logging.NullHandler())  # leak

    def leaked(self) -> int:
        """Handlers."""
        return len(self.logger.handlers)


class LoggerPerSession(LeakPlant, on=LifecycleEvent.TERMINAL):
    """logging keeps a logger, some 500 bytes, for each terminal that ever was, since its name is the terminal's id."""

    def on_event(self, event: PlantEvent) -> None:
        """Log under a name of its own."""
        logging.getLogger(f"mobifai.soak.{event.key}").debug("opened")  # leak

    def leaked(self) -> int:
        """Loggers."""
        return sum(name.startswith("mobifai.soak.") for name in logging.root.manager.loggerDict)


class LedgerAccount(LeakPlant, on=LifecycleEvent.CONNECT):
    """The ledger keeps an account of `link.signals` for each phone that came: it is opened and never closed."""

    def on_event(self, _: PlantEvent) -> None:
        """Open an account."""
        self.bound: Bound = self.subject.ledger.open(SIGNALS)  # leak

    def leaked(self) -> int:
        """Open accounts of this limit."""
        return next(entry.instances for entry in self.subject.ledger.entries() if entry.name == SIGNALS.name)


class ClassPerSession(LeakPlant, on=LifecycleEvent.TERMINAL):
    """A dictionary keeps a class, some 1.5 KB, that was made for each terminal."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.classes: dict[str, type] = {}

    def on_event(self, event: PlantEvent) -> None:
        """Make a class."""
        self.classes[event.key] = type("Session", (), {"uuid": event.key})  # leak

    def leaked(self) -> int:
        """Classes."""
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
