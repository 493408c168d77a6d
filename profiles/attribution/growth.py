"""What rises from window to window: soak's rules, on what a hunt counts. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from soak.gauges.gauge import Gauge, GaugeKind
from soak.gauges.trend import convicted, judge

ENTRIES: Final = Gauge("entries", GaugeKind.GROWTH, 5, 0.05)
"""Entries of one container."""
BLOCKS: Final = Gauge("objects", GaugeKind.GROWTH, 8, 0.08)
"""Blocks of memory of one site."""
BYTES: Final = Gauge("bytes", GaugeKind.GROWTH, 1000, 8)
"""Bytes of one site: blocks that get larger."""
COUNT: Final = Gauge("things", GaugeKind.REST)
"""What must be as before: descriptors, threads, rows."""


@dataclass(frozen=True, slots=True)
class Rise:
    """A steady rise, for each cycle and in all."""

    per_cycle: float
    total: float


def rise(cycles: Sequence[int], values: Sequence[float], gauge: Gauge) -> Rise | None:
    """The rise of these values at these cycles; None when they do not rise steadily enough for a leak."""
    judgement = judge(list(zip(cycles, values, strict=True)), gauge)
    if not convicted(judgement, judgement):
        return None
    return Rise(judgement.per_cycle, judgement.total)


Rises: TypeAlias = dict[int, tuple[Rise | None, Rise | None]]
"""By id: the rise in number, and in bytes."""

RawRows: TypeAlias = Sequence[Mapping[str, Any]]
"""What `profiles.inside.tracing` tells of sites or containers."""


def risen_sites(cycles: Sequence[int], told: RawRows) -> Rises:
    """The sites whose memory rises, in blocks or in bytes."""
    rises = {int(row["id"]): (rise(cycles, row["blocks"], BLOCKS), _larger(cycles, row["bytes"])) for row in told}
    return {key: both for key, both in rises.items() if any(both)}


def _larger(cycles: Sequence[int], sizes: Sequence[float]) -> Rise | None:
    """A rise in bytes: steadily, or again and again, as a block does that is made larger than it needs to be."""
    steady = rise(cycles, sizes, BYTES)
    if steady is not None:
        return steady
    steps = rise(cycles, sizes, COUNT)
    enough = steps is not None and steps.total >= max(BYTES.floor, BYTES.per_cycle * (cycles[-1] - cycles[0]))
    return steps if enough else None


def risen_containers(cycles: Sequence[int], told: RawRows) -> Rises:
    """The containers that get longer."""
    rises = {int(row["id"]): rise(cycles, row["points"], ENTRIES) for row in told}
    return {key: (longer, None) for key, longer in rises.items() if longer is not None}


def largest(found: Rises, most: int) -> list[int]:
    """The ids of those that rose most."""
    totals = {key: max(one.total for one in rises if one) for key, rises in found.items()}
    return sorted(totals, key=lambda key: -totals[key])[:most]
