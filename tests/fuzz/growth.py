"""Decides whether a process's resources at rest keep growing.

The resources are counted after each cycle of all targets, without any connection. The first counts are the warm-up. A
figure grows if its smallest value rises from each third of the run to the next by more than its usual variation.
"""

from collections.abc import Mapping

WARM_UP = 2
LEAST = 6
"""The counts that a verdict needs after the warm-up."""

BLOCKS = "python.blocks"

ALLOWED: Mapping[str, float] = {
    BLOCKS: 2_000,
    "rss.bytes": 3 << 20,
    "descriptors": 1,
    "tasks": 1,
    "threads": 1,
}
"""The amount by which each figure may rise from one third to the next, for caches that fill late."""


class Growth:
    """The counts of one run."""

    def __init__(self) -> None:
        self.series: dict[str, dict[str, list[float]]] = {}  # bounded by the cycles of a run
        self._types: dict[str, list[Mapping[str, float]]] = {}

    def add(self, product: str, counted: Mapping[str, float], details: Mapping[str, float]) -> None:
        """Add a count. `details` name the additional objects, if there are any."""
        series = self.series.setdefault(product, {})
        for name, value in counted.items():
            series.setdefault(name, []).append(value)
        kept = self._types.setdefault(product, [])
        kept.append({name: value for name, value in details.items() if name.startswith("types:")})
        if len(kept) > WARM_UP + 1:
            del kept[WARM_UP:-1]

    def verdict(self) -> list[str]:
        """Return a sentence for every figure that grows."""
        return [
            f"{name} of the {product} grows: {_short(values)}" + (self._more_of(product) if name == BLOCKS else "")
            for product, series in self.series.items()
            for name, values in series.items()
            if grows(values, ALLOWED[name])
        ]

    def _more_of(self, product: str) -> str:
        first, last = self._types[product][0], self._types[product][-1]
        more = sorted(((last[name] - first.get(name, 0), name) for name in last), reverse=True)[:8]
        return "; more of " + ", ".join(f"{name.removeprefix('types:')} (+{amount:.0f})" for amount, name in more)


def grows(values: list[float], allowed: float) -> bool:
    """Return whether a figure rises from each third to the next by more than is allowed."""
    judged = values[WARM_UP:]
    third = len(judged) // 3
    if len(judged) < LEAST:
        return False
    first, second, last = min(judged[:third]), min(judged[third : 2 * third]), min(judged[2 * third :])
    return second - first > allowed and last - second > allowed


def _short(values: list[float]) -> str:
    return ", ".join(f"{value:.0f}" for value in values)
