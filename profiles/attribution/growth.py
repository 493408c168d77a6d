"""Finds allocation sites, containers and counts that rise from window to window, by soak's rules. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from soak.gauges.gauge import GAUGES, Gauge, GaugeKind, Sample, gauge_of
from soak.gauges.trend import convicted, judge

ENTRIES: Final = Gauge("entries", GaugeKind.GROWTH, 5, 0.05)
"""The rule for the number of entries of one container."""
BLOCKS: Final = Gauge("objects", GaugeKind.GROWTH, 8, 0.08)
"""The rule for the number of live memory blocks of one allocation site."""
BYTES: Final = Gauge("bytes", GaugeKind.GROWTH, 1000, 8)
"""The rule for the live bytes of one allocation site. It finds blocks that get larger."""
COUNT: Final = Gauge("things", GaugeKind.REST)
"""The rule for counts that must return to their earlier value, such as descriptors, threads and rows."""


@dataclass(frozen=True, slots=True)
class Rise:
    """The amount of a steady rise: the average per cycle, and the total over all windows."""

    per_cycle: float
    total: float


def rise(cycles: Sequence[int], values: Sequence[float], gauge: Gauge) -> Rise | None:
    """Return the rise of a series of values, or None if it does not rise steadily, as a leak does.

    `cycles` are numbers of cycles in ascending order, and `values` the values after these numbers of cycles. `gauge` is
    the rule by which the values are judged.
    """
    judgement = judge(list(zip(cycles, values, strict=True)), gauge)
    if not convicted(judgement, judgement):
        return None
    return Rise(judgement.per_cycle, judgement.total)


Rises: TypeAlias = dict[int, tuple[Rise | None, Rise | None]]
"""For each id of an allocation site, its rises in blocks and in bytes; for each id of a container, its rise in entries
and None. A value that does not rise steadily has None.
"""

RawRows: TypeAlias = Sequence[Mapping[str, Any]]
"""Rows for allocation sites or containers, as `AllocationTracer.histories` or `examine` returns them, or from JSON."""


def risen_amounts(samples: Sequence[Sample]) -> dict[str, float]:
    """Return the gauges of amounts that rise over these samples, in the order of their names, with the rise per cycle.

    `samples` are in the order of their cycles.
    """
    names = {name for sample in samples for name in sample.values if gauge_of(name).kind is GaugeKind.GROWTH}
    return _rates(samples, {name: gauge_of(name) for name in names})


def risen_counts(samples: Sequence[Sample]) -> dict[str, float]:
    """Do the same as `risen_amounts` for the counts that must return to their earlier value, and `children.bytes`."""
    names = {name for sample in samples for name in sample.values if gauge_of(name).kind is GaugeKind.REST}
    return _rates(samples, {**dict.fromkeys(names, COUNT), "children.bytes": GAUGES["children.bytes"]})


def _rates(samples: Sequence[Sample], rules: Mapping[str, Gauge]) -> dict[str, float]:
    cycles = [sample.cycle for sample in samples]
    rises = {
        name: rise(cycles, [sample.values.get(name, 0.0) for sample in samples], rules[name]) for name in sorted(rules)
    }
    return {name: risen.per_cycle for name, risen in rises.items() if risen is not None}


def risen_sites(cycles: Sequence[int], rows: RawRows) -> Rises:
    """Return the rises, in blocks and in bytes, of those allocation sites in `rows` whose live memory rises.

    `cycles` has the number of cycles at the end of each window.
    """
    rises = {int(row["id"]): (rise(cycles, row["blocks"], BLOCKS), _larger(cycles, row["bytes"])) for row in rows}
    return {key: both for key, both in rises.items() if any(both)}


def _larger(cycles: Sequence[int], sizes: Sequence[float]) -> Rise | None:
    """Return the rise of the bytes that an allocation site keeps, or None if they do not rise.

    A rise may be steady or in steps: a list, for example, reserves room for many elements at a time.
    """
    steady = rise(cycles, sizes, BYTES)
    if steady is not None:
        return steady
    steps = rise(cycles, sizes, COUNT)
    enough = steps is not None and steps.total >= max(BYTES.floor, BYTES.per_cycle * (cycles[-1] - cycles[0]))
    return steps if enough else None


def risen_containers(cycles: Sequence[int], rows: RawRows) -> Rises:
    """Return the rise in entries of those containers in `rows` that get longer.

    `cycles` has the number of cycles at the end of each window.
    """
    rises = {int(row["id"]): rise(cycles, row["points"], ENTRIES) for row in rows}
    return {key: (longer, None) for key, longer in rises.items() if longer is not None}


def largest(found: Rises, most: int) -> list[int]:
    """Return the ids of the at most `most` sites or containers with the largest total rise, the largest first."""
    totals = {key: max(one.total for one in rises if one) for key, rises in found.items()}
    return sorted(totals, key=lambda key: -totals[key])[:most]
