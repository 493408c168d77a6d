"""What the harness itself has, by the gauges that it holds agents to. Owns their series, bounded like all.

Its heap is shown and not judged: the series of a run fill up to their cap.
"""

import os
from collections.abc import Callable

from mobifai.bounds import Ledger
from soak.gauges import process_stats as outside
from soak.gauges.gauge import Sample, gauge_of
from soak.gauges.results import FindingResult, GaugeResult, SeriesResult
from soak.gauges.time_series import SeriesBook
from soak.gauges.trend import convicted, judge
from soak.inside.count import count

SHOWN = ("python.blocks", "heap.bytes", "rss.bytes")
JUDGED = ("python.blocks", "types", "descriptors", "threads", "tasks")
HARNESS = "harness"
"""Stands for a scenario where the harness itself is meant."""
FEWEST_SAMPLES = 64
"""Less is a start, in which everything is loaded for the first time."""


class OwnGauges:
    """Samples of this process, one a round."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._book = SeriesBook()
        self._ledger = Ledger()
        self._rounds = 0

    def sample(self) -> None:
        """Count once."""
        values = count(self._ledger, disturb=True)
        values.update(outside.process_values(os.getpid(), "harness"))
        values.update(outside.budgets(os.getpid()))
        self._book.add(Sample(self._clock(), self._rounds, values))
        self._rounds += 1

    def results(self) -> list[GaugeResult]:
        """What is shown in the report; the unit of a cycle is a round here."""
        found = []
        for name in SHOWN:
            window = self._book.window(name, self._rounds // 3)  # before, everything is loaded for the first time
            rise = (window[-1][1] - window[0][1]) / max(1, window[-1][0] - window[0][0]) if window else 0.0
            found.append(
                GaugeResult(name, gauge_of(name).unit, rise, "flat" if window else "unmeasured", 0.0, "harness")
            )
        return found

    def series(self) -> list[SeriesResult]:
        """Their course, for plots."""
        return [
            SeriesResult(name, HARNESS, gauge_of(name).unit, None, self._book.series[name].measured())
            for name in SHOWN
            if name in self._book.series
        ]

    def findings(self) -> list[FindingResult]:
        """What rises in the middle of the run and rises on in its last third."""
        if self._rounds < FEWEST_SAMPLES:
            return []
        names = [name for name in self._book.series if name.partition(":")[0] in JUDGED]
        return [finding for name in names if (finding := self._finding(name)) is not None]

    def _finding(self, name: str) -> FindingResult | None:
        gauge, third = gauge_of(name), self._rounds // 3
        window = self._book.window(name, third)
        middle = [point for point in window if point[0] <= 2 * third]
        last = [point for point in window if point[0] >= 2 * third]
        first, again = judge(middle, gauge), judge(last, gauge)
        if not convicted(first, again):
            return None
        detail = f"expected no more {gauge.unit} of {name} in the harness itself; found {again.per_cycle:.3g} a round"
        return FindingResult("harness", name, detail, again.per_cycle, gauge.unit, 0, "", "")
