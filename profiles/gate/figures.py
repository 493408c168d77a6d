"""Defines the figures at rest, and how much each of them may grow without a declared reason. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class RestFigure:
    """A family of figures at rest, such as `used.heap`, with the growth that is allowed.

    A figure may exceed the value of the base by `step` (in `unit`), or by the share `share` of that value (0.02 is 2 %)
    if this is more.
    """

    unit: str
    summary: str
    step: float
    share: float = 0.0

    def allowed(self, base: float) -> float:
        """Return the largest value of a figure that passes, given the value `base` of the base."""
        return base + max(self.step, self.share * base)


FIGURES: Final[Mapping[str, RestFigure]] = {
    "imports.modules": RestFigure("modules", "modules that are loaded after importing all of mobifai", 20),
    "imports.objects": RestFigure("objects", "Python objects after importing all of mobifai", 5_000),
    "imports.heap": RestFigure("bytes", "C heap after importing all of mobifai", 256 << 10),
    "idle.objects": RestFigure("objects", "Python objects of an agent that waits for its first phone", 3_000),
    "idle.heap": RestFigure("bytes", "C heap of an agent that waits for its first phone", 128 << 10),
    "idle.pages": RestFigure("bytes", "private memory that a waiting agent has written to", 2 << 20),
    "idle.keeper": RestFigure("bytes", "private memory that a waiting agent's keeper has written to", 512 << 10),
    "idle.threads": RestFigure("threads", "threads of a waiting agent and its keeper", 0),
    "idle.descriptors": RestFigure("descriptors", "descriptors of a waiting agent", 2),
    "idle.tasks": RestFigure("tasks", "tasks of a waiting agent", 2),
    "limits.bytes": RestFigure("bytes", "memory of an agent whose limits are all full, as calculated", 0, 0.02),
    "used.objects": RestFigure("objects", "Python objects of an agent after all phones have left", 4_000),
    "used.heap": RestFigure("bytes", "C heap of an agent after all phones have left", 256 << 10),
    "used.threads": RestFigure("threads", "threads of an agent and its keeper after all phones have left", 0),
    "used.descriptors": RestFigure("descriptors", "descriptors of an agent after all phones have left", 2),
    "used.tasks": RestFigure("tasks", "tasks of an agent after all phones have left", 2),
}
"""The families of figures at rest by name. A figure that is measured after each scenario has the scenario's name after
a colon: `used.heap:mixed`.
"""


def figure_of(name: str) -> RestFigure:
    """Return the family of the figure `name`, such as `used.heap:mixed`. Raises KeyError for an unknown family."""
    return FIGURES[name.partition(":")[0]]


def together(values: Mapping[str, float], starts: tuple[str, ...]) -> float:
    """Return the sum of the values of all gauges whose names begin with one of `starts`, such as `tasks:`."""
    return sum(value for name, value in values.items() if name.startswith(starts))
