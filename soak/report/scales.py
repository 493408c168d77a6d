"""Scales of plots: thinning points without losing extremes, and round numbers for an axis."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Span:
    """A range of numbers for an axis."""

    low: float
    high: float

    def place(self, value: float, size: int) -> int:
        """Return the position of a value on an axis of `size` units: 0 for `low`, `size` for `high`.

        Values outside the range are clamped.
        """
        if self.high <= self.low:
            return size // 2
        share = (value / 2 - self.low / 2) / (self.high / 2 - self.low / 2)  # halves: the difference may overflow
        return round(min(1.0, max(0.0, share)) * size)


def fewer(points: Sequence[Point], most: int) -> list[Point]:
    """Return at most `most` points (at least 4): the first, the last, and the smallest and the largest of every
    interval.
    """
    if len(points) <= most:
        return list(points)
    number = (most - 2) // 2
    inner = points[1:-1]
    kept = [points[0]]
    for i in range(number):
        kept += _extremes(inner[len(inner) * i // number : len(inner) * (i + 1) // number])
    return [*kept, points[-1]]


def span(values: Sequence[float], capacity: float | None = None) -> Span:
    """Return the range of an axis for these values, with a margin. The capacity is included unless it is far above the
    values.
    """
    low, high = min(values), max(values)
    if capacity is not None and near(capacity, high):
        low, high = min(low, capacity), max(high, capacity)
    air = (high / 2 - low / 2) * 0.1 or max(abs(high) * 0.05, 0.5)
    return Span(low - air if low < 0 or low - air > 0 else 0.0 if low >= 0 else low, high + air)


def near(capacity: float, highest: float) -> bool:
    """Return whether a plot of values up to `highest` can also show a capacity without flattening its curve."""
    return capacity <= 4 * highest


def ticks(low: float, high: float, about: int) -> list[float]:
    """Return about `about` round numbers from `low` to `high`, and at most about twice as many."""
    if not (math.isfinite(high - low) and high > low):
        return [low]
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough)) if rough > 1e-300 else 0.0
    if power == 0:
        return [low]
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first = math.ceil(low / step)
    found = [(first + i) * step for i in range(2 * about + 1) if (first + i) * step <= high]
    return found or [low]


def _extremes(part: Sequence[Point]) -> list[Point]:
    values = [value for _, value in part]
    low, high = values.index(min(values)), values.index(max(values))
    return [part[index] for index in sorted({low, high})]
