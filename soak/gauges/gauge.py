"""What a process under test has at one moment, as numbers by name; and what each name means.

Pure: it counts nothing itself (`soak.inside` and `soak.gauges.process_stats` do) and decides nothing
(`soak.gauges.verdict` does).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class GaugeKind(StrEnum):
    """How a gauge is judged.

    REST: a count that must be again what it was, once everybody has left. GROWTH: an amount that wavers, and must not
    rise from block to block. BUDGET: shown, never judged.
    """

    REST = "rest"
    GROWTH = "growth"
    BUDGET = "budget"


@dataclass(frozen=True, slots=True)
class Gauge:
    """What a family of values is.

    `floor` is the least total rise over all judged blocks that is looked at, `per_cycle` the least rise for each cycle;
    both in `unit`. The larger of the two decides.
    """

    unit: str
    kind: GaugeKind
    floor: float = 0
    per_cycle: float = 0


@dataclass(frozen=True, slots=True)
class Sample:
    """Values at one moment. `at` is in seconds since the start of the run, `cycle` counts the cycles of its scenario.

    A name is `FAMILY` or `FAMILY:MEMBER`, as in `descriptors:socket`; a name that is missing stands for 0. The names of
    a process other than the agent begin with `PROCESS/`, as in `keeper/python.blocks`.
    """

    at: float
    cycle: int
    values: Mapping[str, float]


AGENT: Final = "agent"
"""The process whose names have no prefix."""

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
"""The families. `types`: objects by type; `canaries`: those of types that end with a phone or a terminal."""


def gauge_of(name: str) -> Gauge:
    """The gauge of a value by its name. Raises KeyError for a family that is none."""
    return GAUGES[family_of(name)]


def family_of(name: str) -> str:
    """The family that a value belongs to, whichever process it was counted in."""
    return bare(name).partition(":")[0]


def bare(name: str) -> str:
    """A name without its process."""
    return name[len(prefix_of(name)) :]


def prefix_of(name: str) -> str:
    """The process in a name with its slash, as in `keeper/`; empty for the agent's names."""
    process, slash, _ = name.partition(":")[0].rpartition("/")
    return process + slash


def process_of(name: str) -> str:
    """The process that a value was counted in. What is counted of all together is the agent's."""
    return prefix_of(name).rstrip("/") or AGENT


def of_process(process: str, values: Mapping[str, float]) -> dict[str, float]:
    """Values by the names that they have as those of a process."""
    return {f"{process}/{name}": value for name, value in values.items()}
