"""Finds sites, containers and counts that rise from window to window, by soak's rules. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from soak.gauges.gauge import Gauge, GaugeKind
from soak.gauges.trend import convicted, judge

ENTRIES: Final = Gauge("entries", GaugeKind.GROWTH, 5, 0.05)
"""How the number of entries of one container is judged."""
BLOCKS: Final = Gauge("objects", GaugeKind.GROWTH, 8, 0.08)
"""How the number of blocks of one allocation site is judged."""
BYTES: Final = Gauge("bytes", GaugeKind.GROWTH, 1000, 8)
"""How the bytes of one allocation site are judged, to find blocks that get larger."""
COUNT: Final = Gauge("things", GaugeKind.REST)
"""How counts are judged that must return to their base: descriptors, threads, rows."""


@dataclass(frozen=True, slots=True)
class Rise:
    """The amount of a steady rise: the average for each cycle, and the total."""

    per_cycle: float
    total: float


def rise(cycles: Sequence[int], values: Sequence[float], gauge: Gauge) -> Rise | None:
    """Return the rise of a gauge, or None if the rise is not steady enough for a leak.

    `cycles` are numbers of cycles in ascending order, and `values` the gauge's values after these numbers of cycles.
    """
    judgement = judge(list(zip(cycles, values, strict=True)), gauge)
    if not convicted(judgement, judgement):
        return None
    return Rise(judgement.per_cycle, judgement.total)


Rises: TypeAlias = dict[int, tuple[Rise | None, Rise | None]]
"""For each id, the rise in blocks or entries, and the rise in bytes."""

RawRows: TypeAlias = Sequence[Mapping[str, Any]]
"""The sites or containers that `profiles.inside.tracing` returns."""


def risen_sites(cycles: Sequence[int], rows: RawRows) -> Rises:
    """Return the rises in blocks and in bytes, by site id, of the allocation sites whose live memory rises."""
    rises = {int(row["id"]): (rise(cycles, row["blocks"], BLOCKS), _larger(cycles, row["bytes"])) for row in rows}
    return {key: both for key, both in rises.items() if any(both)}


def _larger(cycles: Sequence[int], sizes: Sequence[float]) -> Rise | None:
    """Return the rise of the bytes that an allocation site keeps, or None.

    A steady rise counts. A rise in steps counts too: a list, for example, reserves room for many elements at a time.
    """
    steady = rise(cycles, sizes, BYTES)
    if steady is not None:
        return steady
    steps = rise(cycles, sizes, COUNT)
    enough = steps is not None and steps.total >= max(BYTES.floor, BYTES.per_cycle * (cycles[-1] - cycles[0]))
    return steps if enough else None


def risen_containers(cycles: Sequence[int], rows: RawRows) -> Rises:
    """Return the rise of the number of entries, by container id, of the containers that get longer."""
    rises = {int(row["id"]): rise(cycles, row["points"], ENTRIES) for row in rows}
    return {key: (longer, None) for key, longer in rises.items() if longer is not None}


def largest(found: Rises, most: int) -> list[int]:
    """Return the ids of the sites or containers with the largest rises in total, at most `most` of them."""
    totals = {key: max(one.total for one in rises if one) for key, rises in found.items()}
    return sorted(totals, key=lambda key: -totals[key])[:most]
