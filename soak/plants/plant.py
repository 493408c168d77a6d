"""What a plant is: one deliberate leak, or a decoy that only looks like one, and where its leak happens.

Pure descriptions and the base of all plants. Nothing here is installed anywhere: `soak.plants` does that.
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
"""The process that a plant lives in."""

LEAK = "# leak"
"""Marks the one line of a plant where it happens."""


class PlantError(MobiFaiError):
    """No plant has this name, or it can't be installed here."""


class LifecycleEvent(StrEnum):
    """What happens in a process that a plant can follow. Each is told after the process has done its part."""

    CONNECT = "connect"
    """A phone was paired."""
    DISCONNECT = "disconnect"
    """A phone left."""
    TERMINAL = "terminal"
    """A terminal was created."""
    CLOSED = "closed"
    """A terminal was closed."""
    PROMPT = "prompt"
    """A conversation with the model began."""
    REFUSAL = "refusal"
    """A phone asked for something that can't be done."""
    SHELL = "shell"
    """The keeper has handed a shell over: a new one, in a test run."""
    SHELL_CLOSED = "shell closed"
    """The keeper has closed a shell's terminal."""


IN_KEEPER = frozenset({LifecycleEvent.SHELL, LifecycleEvent.SHELL_CLOSED})
"""Moments of the keeper; all others are the agent's."""


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
"""The scenario that brings a moment about in the least time."""


@dataclass(frozen=True, slots=True)
class PlantEvent:
    """One moment. `number` counts a plant's own, from 1; `key` is the id of the phone or terminal, empty where there is
    none; `thing` is the object that it is about: a Terminal, the keeper's Shell, a conversation that is going on, an
    error, or None.
    """

    number: int
    key: str = ""
    thing: Any = None


class LeakPlant(ABC):
    """A plant inside the process under test. Its docstring says in one sentence what it leaks, how, and how much.

    `happened` must not wait, and what it makes ends with the process. `kept` is where most of them keep it.
    """

    on: ClassVar[LifecycleEvent]
    scenario: ClassVar[Scenario]
    process: ClassVar[Process]
    culprit: ClassVar[str]
    decoy: ClassVar[bool] = False

    def __init_subclass__(cls, on: LifecycleEvent | None = None, culprit: str = "happened", **more: Any) -> None:
        """`on`: what it follows. `culprit`: the method with the line that leaks. A class without `on` is a base."""
        super().__init_subclass__(**more)
        if on is not None:
            cls.on, cls.scenario, cls.culprit = on, CHEAPEST[on], culprit
            cls.process = "keeper" if on in IN_KEEPER else "agent"

    def __init__(self, subject: PluginContext) -> None:
        self.subject = subject
        self.kept: list[Any] = []  # what a plant is for: no cap

    @abstractmethod
    def happened(self, event: PlantEvent) -> None:
        """It happened: leak, or seem to."""

    def amount(self) -> int:
        """How much is leaked now, in things or bytes: for those who check the plant itself."""
        return len(self.kept)


class DecoyPlant(LeakPlant):
    """A seed that must stay silent: what it holds has an end, which some 64 events reach."""

    decoy = True


@dataclass(frozen=True, slots=True)
class Plant:
    """One plant. `culprit` is the qualified name of the function that leaks; a decoy has none.

    `install` makes its seed inside a process, and has it told of every `on` from then on.
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
        """The file and the line where it leaks. Raises PlantError for a decoy."""
        if self.decoy:
            raise PlantError(f"{self.name} is a decoy: nothing of it leaks")
        method = inspect.unwrap(getattr(self.source, self.source.culprit))
        lines, first = inspect.getsourcelines(method)
        number = next(number for number, line in enumerate(lines, first) if line.rstrip().endswith(LEAK))
        return Path(inspect.getsourcefile(method) or ""), number


def described(source: type[LeakPlant], install: Callable[[PluginContext], LeakPlant]) -> Plant:
    """The plant of a class of seeds, named as the class is, in kebab case."""
    return Plant(
        name=re.sub(r"(?<!^)(?=[A-Z])", "-", source.__name__).lower(),
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
