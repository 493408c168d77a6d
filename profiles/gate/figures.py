"""Figures of a program at rest, and the step by which each may grow without failing the gate.

Pure: it measures nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Figure:
    """`step` is the growth that is let through, in `unit`; `share` the same as a part of the base. The larger one."""

    unit: str
    summary: str
    step: float
    share: float = 0.0

    def allowed(self, base: float) -> float:
        """The most that may be there when the base has so much."""
        return base + max(self.step, self.share * base)


FIGURES: Final[Mapping[str, Figure]] = {
    "imports.modules": Figure("modules", "loaded with every module of mobifai imported", 20),
    "imports.objects": Figure("objects", "Python objects after importing all of it", 5_000),
    "imports.heap": Figure("bytes", "C heap after importing all of it", 256 << 10),
    "idle.objects": Figure("objects", "Python objects of an agent that waits for its first phone", 3_000),
    "idle.heap": Figure("bytes", "C heap of that agent", 128 << 10),
    "idle.pages": Figure("bytes", "private memory that that agent has written to", 2 << 20),
    "idle.keeper": Figure("bytes", "private memory that its keeper has written to", 512 << 10),
    "idle.threads": Figure("threads", "threads of agent and keeper", 0),
    "idle.descriptors": Figure("descriptors", "descriptors of the agent", 2),
    "idle.tasks": Figure("tasks", "tasks of the agent", 2),
    "limits.bytes": Figure("bytes", "memory when everything that is declared is full", 0, 0.02),
    "used.objects": Figure("objects", "Python objects once it was used and everybody left", 4_000),
    "used.heap": Figure("bytes", "C heap once it was used and everybody left", 256 << 10),
    "used.threads": Figure("threads", "threads once it was used and everybody left", 0),
    "used.descriptors": Figure("descriptors", "descriptors of the agent once it was used and everybody left", 2),
    "used.tasks": Figure("tasks", "tasks once it was used and everybody left", 2),
}
"""The families. Members have the scenario behind a colon: `used.heap:mixed`."""


def figure_of(name: str) -> Figure:
    """The figure of a value by its name. Raises KeyError for a family that is none."""
    return FIGURES[name.partition(":")[0]]


def together(values: Mapping[str, float], starts: tuple[str, ...]) -> float:
    """The sum of the gauges whose names begin with one of these: `descriptors:agent ` and the like."""
    return sum(value for name, value in values.items() if name.startswith(starts))
