"""Gauges: the names of measured values, their units, and how each is judged.

Counts nothing (`soak.inside` and `soak.gauges.process_stats` do) and judges nothing (`soak.gauges.verdict` does).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class GaugeKind(StrEnum):
    """How a gauge is judged.

    REST: a count that must return to its earlier value once all phones have left. GROWTH: an amount that varies, and
    must not rise from block to block. BUDGET: shown, but never judged.
    """

    REST = "rest"
    GROWTH = "growth"
    BUDGET = "budget"


@dataclass(frozen=True, slots=True)
class Gauge:
    """A family of measured values.

    A rise counts only if it reaches both thresholds, in `unit`: `floor` over all judged blocks together, and
    `per_cycle` for each cycle.
    """

    unit: str
    kind: GaugeKind
    floor: float = 0
    per_cycle: float = 0


@dataclass(frozen=True, slots=True)
class Sample:
    """Values at one moment: `at` seconds after the start of the run, after `cycle` cycles of the scenario.

    The name of a value is `FAMILY` or `FAMILY:MEMBER`, as in `descriptors:socket`. A name that is missing has the
    value 0. Values of processes other than the agent have names that begin with `PROCESS/`: `keeper/python.blocks`.
    """

    at: float
    cycle: int
    values: Mapping[str, float]


AGENT: Final = "agent"
"""The name of the process whose gauges have no prefix."""

GAUGES: Final[Mapping[str, Gauge]] = {
    # inside a process
    "python.blocks": Gauge("objects", GaugeKind.GROWTH, 12, 0.1),
    "heap.bytes": Gauge("bytes", GaugeKind.GROWTH, 2400, 12),
    "types": Gauge("objects", GaugeKind.GROWTH, 5, 0.05),
    "canaries": Gauge("objects", GaugeKind.REST),
    "tasks": Gauge("tasks", GaugeKind.REST),
    "threads": Gauge("threads", GaugeKind.REST),
    "handlers": Gauge("handlers", GaugeKind.REST),
    "listeners": Gauge("listeners", GaugeKind.REST),
    "garbage": Gauge("objects", GaugeKind.REST),
    "frozen": Gauge("objects", GaugeKind.REST),
    "instances": Gauge("containers", GaugeKind.REST),
    # from outside
    "descriptors": Gauge("descriptors", GaugeKind.REST),
    "processes": Gauge("processes", GaugeKind.REST),
    "zombies": Gauge("processes", GaugeKind.REST),
    "files": Gauge("files", GaugeKind.REST),
    "rows": Gauge("rows", GaugeKind.REST),
    "children.bytes": Gauge("bytes", GaugeKind.GROWTH, 256 << 10, 4 << 10),
    "maps": Gauge("maps", GaugeKind.GROWTH, 12, 0.1),
    "maps.bytes": Gauge("bytes", GaugeKind.BUDGET),
    "rss.bytes": Gauge("bytes", GaugeKind.BUDGET),
    "uncollected": Gauge("objects", GaugeKind.BUDGET),
}
"""The gauges by family.

`types` counts objects by type, `canaries` the objects that must end with a phone or a terminal, `instances` the
containers of the ledger, and `uncollected` the objects that were collected as garbage before a count.
"""


def gauge_of(name: str) -> Gauge:
    """Return the gauge to which the value with this name belongs. Raises KeyError for an unknown family."""
    return GAUGES[family_of(name)]


def family_of(name: str) -> str:
    """Return the family of a value: `descriptors` for the name `keeper/descriptors:socket`."""
    return bare(name).partition(":")[0]


def bare(name: str) -> str:
    """Return the name of a value without its process: `descriptors:socket` for `keeper/descriptors:socket`."""
    return name[len(prefix_of(name)) :]


def prefix_of(name: str) -> str:
    """Return the part of a value's name that names the process: `keeper/`. It is empty for a value of the agent."""
    process, slash, _ = name.partition(":")[0].rpartition("/")
    return process + slash


def process_of(name: str) -> str:
    """Return the process to which a value belongs: `keeper` for `keeper/tasks`, `agent` for a name without a process.

    It is also `agent` for a value that covers all processes together, such as `children.bytes`.
    """
    return prefix_of(name).rstrip("/") or AGENT


def of_process(process: str, values: Mapping[str, float]) -> dict[str, float]:
    """Return `values` with the name of their process added to each name, as in a `Sample`.

    For the process `keeper`, `tasks` becomes `keeper/tasks`.
    """
    return {f"{process}/{name}": value for name, value in values.items()}
