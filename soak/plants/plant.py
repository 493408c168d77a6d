"""The base classes of plants, the lifecycle events that plants follow, and the description of a plant.

Installs nothing: `soak.plants.install` does.
"""

import inspect
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Literal

from mobifai.control.debug_plugins import PluginContext
from mobifai.errors import MobiFaiError

Scenario = Literal["terminals", "reconnects", "conversations", "mixed"]
Process = Literal["agent", "keeper"]
"""The process in which a plant is installed."""

LEAK = "# leak"
"""The comment at the end of the line that leaks."""


class PlantError(MobiFaiError):
    """No plant has this name, or the plant can't be installed in this process."""


class LifecycleEvent(StrEnum):
    """An event that a plant can follow. A plant is called after the process has handled the event."""

    CONNECT = "connect"
    """A phone has connected and is paired."""
    DISCONNECT = "disconnect"
    """A phone has disconnected."""
    TERMINAL = "terminal"
    """A terminal has been created."""
    CLOSED = "closed"
    """A terminal has been closed."""
    PROMPT = "prompt"
    """A conversation with the model has begun."""
    REFUSAL = "refusal"
    """A phone's request has been refused."""
    SHELL = "shell"
    """The keeper has passed a shell to the agent. In a test run, the shell is always new."""
    SHELL_CLOSED = "shell closed"
    """The keeper has closed a shell's terminal."""


IN_KEEPER = frozenset({LifecycleEvent.SHELL, LifecycleEvent.SHELL_CLOSED})
"""Events of the keeper. All others are events of the agent."""


CHEAPEST: dict[LifecycleEvent, Scenario] = {
    LifecycleEvent.CONNECT: "reconnects",
    LifecycleEvent.DISCONNECT: "reconnects",
    LifecycleEvent.TERMINAL: "terminals",
    LifecycleEvent.CLOSED: "terminals",
    LifecycleEvent.PROMPT: "conversations",
    LifecycleEvent.REFUSAL: "terminals",
    LifecycleEvent.SHELL: "terminals",
    LifecycleEvent.SHELL_CLOSED: "terminals",
}
"""For each event, the scenario that causes it in the shortest time."""


@dataclass(frozen=True, slots=True)
class PlantEvent:
    """One occurrence of a lifecycle event.

    `number` counts the events of one plant, from 1. `key` is the id of the phone or terminal, or empty. `thing` is the
    object that the event is about: a Terminal, the keeper's HeldShell, a running conversation, an error, or None.
    """

    number: int
    key: str = ""
    thing: Any = None


class LeakPlant(ABC):
    """A plant inside the process under test. The docstring of a plant's class is its summary: what it leaks, and how
    much.

    `on_event` must not block, and everything that it creates must end with the process. Most plants leak by appending
    to `store`.
    """

    name: ClassVar[str]
    on: ClassVar[LifecycleEvent]
    scenario: ClassVar[Scenario]
    process: ClassVar[Process]
    culprit: ClassVar[str]
    decoy: ClassVar[bool] = False

    def __init_subclass__(
        cls, on: LifecycleEvent | None = None, culprit: str = "on_event", name: str = "", **more: Any
    ) -> None:
        """Set the attributes of a plant's class: `on` is the event that it follows, `culprit` the method that leaks.

        `name` replaces the name that is derived from the class. A class without `on` is a base class.
        """
        super().__init_subclass__(**more)
        if on is not None:
            cls.on, cls.scenario, cls.culprit = on, CHEAPEST[on], culprit
            cls.process = "keeper" if on in IN_KEEPER else "agent"
            cls.name = name or re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()

    def __init__(self, subject: PluginContext) -> None:
        self.subject = subject
        self.store: list[Any] = []  # unbounded on purpose

    @abstractmethod
    def on_event(self, event: PlantEvent) -> None:
        """Leak something, because a lifecycle event has happened. A decoy only seems to leak."""

    def leaked(self) -> int:
        """Return how much this plant has leaked so far, in objects or bytes. Tests of the plants use it."""
        return len(self.store)


class DecoyPlant(LeakPlant):
    """A plant that must not be reported. Its growth, if any, ends after at most about 64 events."""

    decoy = True


@dataclass(frozen=True, slots=True)
class Plant:
    """The description of one plant. `culprit` is the qualified name of the function that leaks, and empty for a decoy.

    `install` creates the plant inside a process. From then on, the plant is called at every event of the kind `on`.
    """

    name: str
    family: str
    summary: str
    scenario: Scenario
    process: Process
    decoy: bool
    on: LifecycleEvent
    culprit: str
    install: Callable[[PluginContext], LeakPlant]
    source: type[LeakPlant]

    @property
    def line(self) -> tuple[Path, int]:
        """The file and the number of the line that leaks. Raises PlantError for a decoy."""
        if self.decoy:
            raise PlantError(f"expected a plant that leaks; {self.name} is a decoy")
        method = inspect.unwrap(getattr(self.source, self.source.culprit))
        lines, first = inspect.getsourcelines(method)
        number = next(number for number, line in enumerate(lines, first) if line.rstrip().endswith(LEAK))
        return Path(inspect.getsourcefile(method) or ""), number


def described(source: type[LeakPlant], install: Callable[[PluginContext], LeakPlant]) -> Plant:
    """Return the description of the plant class `source`, made from its attributes and its docstring.

    `install` creates a plant of this class inside a process.
    """
    return Plant(
        name=source.name,
        family=source.__module__.rpartition(".")[2],
        summary=" ".join((source.__doc__ or "").split()),
        scenario=source.scenario,
        process=source.process,
        decoy=source.decoy,
        on=source.on,
        culprit="" if source.decoy else f"{source.__module__}.{source.__qualname__}.{source.culprit}",
        install=install,
        source=source,
    )
