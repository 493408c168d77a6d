"""The values of each gauge over a run, in bounded memory. A full series is thinned out, and keeps its minima.

Judges nothing (`soak.gauges.trend` does) and does no I/O.
"""

from array import array
from collections.abc import Iterator, Mapping
from copy import deepcopy
from math import isnan, nan
from typing import Final, Self, TypeAlias

from soak.gauges.gauge import Sample, family_of

MOST_POINTS: Final = 4096
"""Most points of one series."""

MOST_NAMES: Final = 4096
"""Most series of one book.

Nearly all of these series count the objects of one type. An agent has about 1,500 types, and a keeper about 800.
"""

MANY: Final = "types"
"""The family to which nearly all series belong."""

FEW_POINTS: Final = 64
"""Most points of a series of the family MANY: enough for the nine intervals of a judgement.

With so few points, the series are full after an hour instead of days, and the harness stops growing then.
"""

MOST_TOGETHER: Final = 1 << 19
"""Most points of all series of a book together: they need 12 MiB.

If a book has so many series that this limit would be exceeded, each series may have fewer points.
"""

FEWEST_POINTS: Final = 8

Point: TypeAlias = tuple[float, int, float]
"""Seconds, cycle and value. The value is NaN if it could not be measured."""


class Series:
    """A series of at most `capacity` points, in the order of insertion.

    When the series is full, each pair of neighbours is replaced by the point with the smaller value. Later points are
    merged in the same way, so that old and new points are equally dense. The first and the newest point are always
    kept.
    """

    def __init__(self, capacity: int = MOST_POINTS) -> None:
        self._at, self._cycle, self._value = array("d"), array("q"), array("d")  # bounded by the capacity
        self._newest: Point | None = None
        self._capacity = max(FEWEST_POINTS, capacity)
        self._stride = 1
        self._count = 0

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __iter__(self) -> Iterator[Point]:
        yield from zip(self._at, self._cycle, self._value, strict=True)
        if self._newest is not None and (self._at[-1], self._cycle[-1]) != self._newest[:2]:
            yield self._newest

    def add(self, at: float, cycle: int, value: float | None) -> None:
        """Add a point that is not older than the newest one. None is a value that could not be measured."""
        self._newest = (at, cycle, nan if value is None else value)
        if self._place() >= self._room():
            self._halve()
        if self._place() < len(self._at):
            self._merge(self._newest)
        else:
            self._append(self._newest)
        self._count += 1

    def limit(self, capacity: int) -> None:
        """Reduce the capacity of this series to `capacity` points. If it has more points, thin them out."""
        self._capacity = min(self._capacity, max(FEWEST_POINTS, capacity))
        while len(self._at) > self._room():
            self._halve()

    def copy(self) -> Self:
        """Return a copy of this series, to which points can be added separately."""
        return deepcopy(self)

    def window(self, since: int = 0) -> list[tuple[int, float]]:
        """Return the (cycle, value) pairs of all points from cycle `since` on."""
        return [(cycle, value) for _, cycle, value in self if cycle >= since]

    def measured(self) -> list[Point]:
        """Return the points whose value could be measured, for plots."""
        return [point for point in self if not isnan(point[2])]

    def _place(self) -> int:
        """Return the index at which the next point will be stored. The first point has its own index; after it,
        `stride` points share each index.
        """
        return 0 if self._count == 0 else 1 + (self._count - 1) // self._stride

    def _room(self) -> int:
        """Return how many points the arrays may hold.

        After the first halving, this is one less than the capacity, because the newest point may be stored outside the
        arrays.
        """
        return self._capacity if self._stride == 1 else self._capacity - 1

    def _append(self, point: Point) -> None:
        self._at.append(point[0])
        self._cycle.append(point[1])
        self._value.append(point[2])

    def _merge(self, point: Point) -> None:
        if _is_smaller(point[2], self._value[-1]):
            self._at[-1], self._cycle[-1], self._value[-1] = point

    def _halve(self) -> None:
        values, last = self._value, len(self._value) - 1
        pairs = ((index, min(index + 1, last)) for index in range(1, last + 1, 2))
        kept = [0, *(other if _is_smaller(values[other], values[one]) else one for one, other in pairs)]
        self._at = array("d", [self._at[index] for index in kept])
        self._cycle = array("q", [self._cycle[index] for index in kept])
        self._value = array("d", [values[index] for index in kept])
        self._stride *= 2


class SeriesBook:
    """A series for every name, up to `MOST_NAMES` names. `refused` counts the values of further names.

    A name has the value 0 before its first sample, and in later samples that do not contain it.
    """

    def __init__(self, most_points: int = MOST_POINTS, most_names: int = MOST_NAMES) -> None:
        self.refused = 0
        self._most_points = most_points
        self._most_names = most_names
        self._moments = Series(capacity=most_points)  # always 0: the values of a name before its first sample
        self._series: dict[str, Series] = {}  # bounded by most_names

    @property
    def series(self) -> Mapping[str, Series]:
        """All series, by the name of their value."""
        return self._series

    def add(self, sample: Sample) -> None:
        """Add a sample: append its values to the series of their names, and 0 to all other series."""
        known = len(self._series)
        for name in sample.values:
            self._know(name)
        if len(self._series) > known:
            self._share()
        for name, series in self._series.items():
            series.add(sample.at, sample.cycle, sample.values.get(name, 0))
        self._moments.add(sample.at, sample.cycle, 0)

    def window(self, name: str, since: int = 0) -> list[tuple[int, float]]:
        """Return the (cycle, value) pairs of the value `name` from cycle `since` on. An unknown name has the value 0 in
        every sample.
        """
        return self._series.get(name, self._moments).window(since)

    def _know(self, name: str) -> None:
        if name in self._series:
            return
        if len(self._series) >= self._most_names:
            self.refused += 1
            return
        self._series[name] = self._moments.copy()
        self._series[name].limit(self._most_of(name))

    def _most_of(self, name: str) -> int:
        return min(self._most_points, FEW_POINTS) if family_of(name) == MANY else self._most_points

    def _share(self) -> None:
        """Reduce the capacity of each series, so that all series together hold at most MOST_TOGETHER points."""
        each = min(self._most_points, MOST_TOGETHER // (len(self._series) + 1))
        if each < self._most_points:
            for series in (self._moments, *self._series.values()):
                series.limit(each)


def _is_smaller(value: float, than: float) -> bool:
    """Return whether `value` is smaller than `than`.

    A value that was not measured (NaN) counts as larger than every measured value.
    """
    return value < than or (isnan(than) and not isnan(value))
