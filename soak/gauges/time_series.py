"""The course of each gauge over a run, in bounded memory: what is full is halved, and minima stay.

Pure: it keeps values and decides nothing (`soak.gauges.trend` does).
"""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from math import isnan, nan
from typing import Any, Final, TypeAlias

from mobifai.errors import MobiFaiError
from soak.gauges.gauge import Sample, family_of

MOST_POINTS: Final = 4096
"""Points of one series."""

MOST_NAMES: Final = 4096
"""Series of one book: an agent has some 1,500 types, a keeper that is counted from inside some 800."""

MANY: Final = "types"
"""The family that nearly all series belong to..."""

FEW_POINTS: Final = 64
"""...and how many points each of them may have: enough for nine stretches, and full after an hour, not after days."""

MOST_TOGETHER: Final = 1 << 19
"""Points of all series of a book: 12 MiB. The more series there are, the fewer points each may have."""

FEWEST_POINTS: Final = 8

Point: TypeAlias = tuple[float, int, float]
"""Seconds, cycle, value; the value is NaN where it could not be measured."""


class SeriesDamaged(MobiFaiError):
    """The saved series of a run cannot be read."""


class Series:
    """At most `capacity` points, in the order in which they came.

    When it is full, of each two neighbours the one with the smaller value stays, and from then on as many newer points
    are one: what is old is kept as densely as what is new. The very first and the newest point always stay.
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
        """Add a point, not before the newest one; None for a value that could not be measured."""
        self._newest = (at, cycle, nan if value is None else value)
        if self._place() >= self._room():
            self._halve()
        if self._place() < len(self._at):
            self._merge(self._newest)
        else:
            self._append(self._newest)
        self._count += 1

    def limit(self, capacity: int) -> None:
        """Have a smaller capacity from now on."""
        self._capacity = min(self._capacity, max(FEWEST_POINTS, capacity))
        while len(self._at) > self._room():
            self._halve()

    def copy(self) -> "Series":
        """Another series with the same points."""
        copy = Series(self._capacity)
        copy._at, copy._cycle, copy._value = self._at[:], self._cycle[:], self._value[:]
        copy._newest, copy._stride, copy._count = self._newest, self._stride, self._count
        return copy

    def window(self, since: int = 0) -> list[tuple[int, float]]:
        """(cycle, value) of every point from cycle `since` on."""
        return [(cycle, value) for _, cycle, value in self if cycle >= since]

    def measured(self) -> list[Point]:
        """The points that have a value: for plots."""
        return [point for point in self if not isnan(point[2])]

    def _place(self) -> int:
        """Where the next point goes: the first one is alone, each `stride` of the others share a place."""
        return 0 if self._count == 0 else 1 + (self._count - 1) // self._stride

    def _room(self) -> int:
        """How many may be kept beside the newest, which is among them until the first halving."""
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

    # -- resuming

    def saved(self) -> list[Any]:
        """Everything as plain lists and numbers; None for what was not measured."""
        points = [*zip(self._at, self._cycle, self._value, strict=True), *([self._newest] if self._newest else [])]
        plain = [[at, cycle, None if isnan(value) else value] for at, cycle, value in points]
        return [self._stride, self._count, plain]

    @classmethod
    def restored(cls, saved: Sequence[Any], capacity: int = MOST_POINTS) -> "Series":
        """The series that was saved. Raises ValueError, TypeError or OverflowError for what is none."""
        series = cls(capacity)
        stride, count, plain = saved
        points = [(float(at), int(cycle), nan if value is None else float(value)) for at, cycle, value in plain]
        for point in points[:-1]:
            series._append(point)
        series._newest = points[-1] if points else None
        series._stride, series._count = int(stride), int(count)
        places = {len(points) - 1, len(points) - 2} if points else {0}
        if len(points) == 1 or min(series._stride, series._count + 1) < 1 or series._place() not in places:
            raise ValueError(f"{count} points in groups of {stride} do not make {len(points)}")
        series.limit(capacity)
        return series


class SeriesBook:
    """A series for every name that was ever seen, up to `MOST_NAMES`. `refused` counts the values beyond.

    A name that appears late stood at 0 before; one that a later sample does not have is 0 then.
    """

    def __init__(self, most_points: int = MOST_POINTS, most_names: int = MOST_NAMES) -> None:
        self.refused = 0
        self._most_points = most_points
        self._most_names = most_names
        self._moments = Series(capacity=most_points)  # always 0: the past of every name that appears late
        self._series: dict[str, Series] = {}  # bounded by most_names

    @property
    def series(self) -> Mapping[str, Series]:
        """All series, by name."""
        return self._series

    def add(self, sample: Sample) -> None:
        """Add the values of one moment."""
        known = len(self._series)
        for name in sample.values:
            self._know(name)
        if len(self._series) > known:
            self._share()
        for name, series in self._series.items():
            series.add(sample.at, sample.cycle, sample.values.get(name, 0))
        self._moments.add(sample.at, sample.cycle, 0)

    def window(self, name: str, since: int = 0) -> list[tuple[int, float]]:
        """(cycle, value) of a name from cycle `since` on; 0 at every moment for a name that was never seen."""
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
        """Keep all series together within their memory."""
        each = min(self._most_points, MOST_TOGETHER // (len(self._series) + 1))
        if each < self._most_points:
            for series in (self._moments, *self._series.values()):
                series.limit(each)

    def saved(self) -> dict[str, Any]:
        """Everything, as plain dictionaries, lists and numbers."""
        return {
            "refused": self.refused,
            "moments": self._moments.saved(),
            "series": {name: series.saved() for name, series in self._series.items()},
        }

    @classmethod
    def restored(cls, saved: Mapping[str, Any], most_points: int = MOST_POINTS) -> "SeriesBook":
        """The book that was saved. Raises SeriesDamaged."""
        book = cls(most_points)
        try:
            book.refused = int(saved["refused"])
            book._moments = Series.restored(saved["moments"], most_points)
            for name, points in list(saved["series"].items())[:MOST_NAMES]:
                book._series[str(name)] = Series.restored(points, book._most_of(str(name)))
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise SeriesDamaged(f"expected series as they were saved; found {error!r}; start a new run") from None
        book._share()
        return book


def _is_smaller(value: float, than: float) -> bool:
    """What was not measured is never smaller."""
    return value < than or (isnan(than) and not isnan(value))
