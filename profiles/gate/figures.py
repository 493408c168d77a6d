"""The figures at rest by name, and how far each may grow without a declared reason. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class RestFigure:
    """A family of figures at rest. One may exceed the base's by `step` (in `unit`), or by `share` if that is more."""

    unit: str
    summary: str
    step: float
    share: float = 0.0

    def allowed(self, base: float) -> float:
        """Return the largest value that passes, given the value of the base."""
        return base + max(self.step, self.share * base)


FIGURES: Final[Mapping[str, RestFigure]] = {
    "imports.modules": RestFigure("modules", "loaded with every module of mobifai imported", 20),
    "imports.objects": RestFigure("objects", "Python objects after importing all of it", 5_000),
    "imports.heap": RestFigure("bytes", "C heap after importing all of it", 256 << 10),
    "idle.objects": RestFigure("objects", "Python objects of an agent that waits for its first phone", 3_000),
    "idle.heap": RestFigure("bytes", "C heap of that agent", 128 << 10),
    "idle.pages": RestFigure("bytes", "private memory of that agent that has been written to", 2 << 20),
    "idle.keeper": RestFigure("bytes", "private memory of its keeper that has been written to", 512 << 10),
    "idle.threads": RestFigure("threads", "threads of agent and keeper", 0),
    "idle.descriptors": RestFigure("descriptors", "descriptors of the agent", 2),
    "idle.tasks": RestFigure("tasks", "tasks of the agent", 2),
    "limits.bytes": RestFigure("bytes", "memory when everything that is declared is full", 0, 0.02),
    "used.objects": RestFigure("objects", "Python objects once it was used and everybody left", 4_000),
    "used.heap": RestFigure("bytes", "C heap once it was used and everybody left", 256 << 10),
    "used.threads": RestFigure("threads", "threads once it was used and everybody left", 0),
    "used.descriptors": RestFigure("descriptors", "descriptors of the agent once it was used and everybody left", 2),
    "used.tasks": RestFigure("tasks", "tasks once it was used and everybody left", 2),
}
"""The families of figures. A member of a family has the scenario after a colon: `used.heap:mixed`."""


def figure_of(name: str) -> RestFigure:
    """Return the family of the figure `name`, such as `used.heap:mixed`. Raises KeyError for an unknown family."""
    return FIGURES[name.partition(":")[0]]


def together(values: Mapping[str, float], starts: tuple[str, ...]) -> float:
    """Return the sum of the values of all gauges whose names begin with one of `starts`, as `descriptors:agent `."""
    return sum(value for name, value in values.items() if name.startswith(starts))
