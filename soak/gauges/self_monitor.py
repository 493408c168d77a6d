"""What the harness itself has, by the gauges that it holds agents to. Owns their series, bounded like all.

Its heap is shown and not judged: the series of a run fill up to their cap.
"""

import os
from collections.abc import Callable

from mobifai.bounds import Ledger
from soak.gauges import process_stats as outside
from soak.gauges.gauge import Sample, gauge_of
from soak.gauges.results import HARNESS, FindingResult, GaugeResult, SeriesResult
from soak.gauges.state import BUDGET, NOT_HERE, Trend, too_few
from soak.gauges.time_series import SeriesBook
from soak.gauges.trend import Judgement, convicted, judge
from soak.inside.count import count

PLOTTED = ("python.blocks", "heap.bytes", "rss.bytes")
SHOWN = {"heap.bytes": "never judged: what it has measured is kept there", "rss.bytes": BUDGET}
"""Families that are shown and never judged, and why."""
JUDGED = ("python.blocks", "types", "descriptors", "threads", "tasks")
FEWEST_SAMPLES = 64
"""Less is a start, in which everything is loaded for the first time."""


class SelfMonitor:
    """Samples of this process, one a round."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._book = SeriesBook()
        self._ledger = Ledger()
        self._rounds = 0
        self._newest: tuple[int, dict[str, tuple[Judgement, Judgement]]] = (0, {})  # bounded by the book

    def sample(self) -> None:
        """Count once."""
        values = count(self._ledger, disturb=True)
        values.update(outside.process_values(os.getpid(), "harness"))
        values.update(outside.budgets(os.getpid()))
        self._book.add(Sample(self._clock(), self._rounds, values))
        self._rounds += 1

    def results(self) -> list[GaugeResult]:
        """A line for each family, as the report has it; the unit of a cycle is a round here."""
        names: dict[str, list[str]] = {family: [] for family in (*JUDGED, *SHOWN)}  # bounded by the families
        for name in self._book.series:
            names.get(name.partition(":")[0], []).append(name)
        return [self._result(family, members) for family, members in names.items()]

    def _result(self, family: str, members: list[str]) -> GaugeResult:
        """Return the result of a family: the worst of its members, and the rise of all together."""
        judged = self._judged()
        state, reason = self._state(family, [name for name in members if name in judged])
        least = max((judged[name][0].smallest_leak for name in members if name in judged), default=None)
        rates = [rate for name in members if (rate := _rate(self._since_start(name))) is not None]
        shown = rates and (state.is_judged or family in SHOWN)
        rise = sum(rates) if shown else None
        return GaugeResult(family, gauge_of(family).unit, rise, state, least, HARNESS, reason)

    def _state(self, family: str, judged: list[str]) -> tuple[Trend, str]:
        if family in SHOWN:
            return Trend.UNJUDGED, SHOWN[family]
        if self._rounds < FEWEST_SAMPLES:
            return Trend.UNJUDGED, too_few(self._rounds, FEWEST_SAMPLES, "round")
        if not judged:
            return Trend.UNMEASURED, NOT_HERE
        return (Trend.RISING, "") if any(convicted(*self._judged()[name]) for name in judged) else (Trend.FLAT, "")

    def series(self) -> list[SeriesResult]:
        """Their course, for plots."""
        return [
            SeriesResult(name, HARNESS, gauge_of(name).unit, None, self._book.series[name].measured())
            for name in PLOTTED
            if name in self._book.series
        ]

    def findings(self) -> list[FindingResult]:
        """Return the gauges that rise in the middle of the run and also in its last third."""
        return [_finding(name, again) for name, (first, again) in self._judged().items() if convicted(first, again)]

    def _judged(self) -> dict[str, tuple[Judgement, Judgement]]:
        """Return the trends of each gauge in the middle and the last third of the run; nothing for a short run."""
        if self._rounds < FEWEST_SAMPLES:
            return {}
        if self._newest[0] != self._rounds:
            names = [name for name in self._book.series if name.partition(":")[0] in JUDGED]
            self._newest = self._rounds, {name: self._thirds(name) for name in names}
        return self._newest[1]

    def _thirds(self, name: str) -> tuple[Judgement, Judgement]:
        window, middle = self._since_start(name), 2 * (self._rounds // 3)
        first = judge([point for point in window if point[0] <= middle], gauge_of(name))
        return first, judge([point for point in window if point[0] >= middle], gauge_of(name))

    def _since_start(self, name: str) -> list[tuple[int, float]]:
        """Its course without the first third, in which everything is loaded for the first time."""
        return self._book.window(name, self._rounds // 3)


def _rate(points: list[tuple[int, float]]) -> float | None:
    return (points[-1][1] - points[0][1]) / (points[-1][0] - points[0][0]) if len(points) > 1 else None


def _finding(name: str, again: Judgement) -> FindingResult:
    unit = again.gauge.unit
    detail = f"expected no more {unit} of {name} in the harness itself; found {again.per_cycle:.3g} a round"
    return FindingResult("harness", name, detail, again.per_cycle, unit, 0, "", "")
