"""Measures and judges the harness's own process, with gauges that are also used for an agent.

Owns the series of the measured values. The heap of the harness is shown but not judged, because it holds these series
and those of the run, which fill up to their limit.
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
SHOWN = {"heap.bytes": "never judged: it stores the measured series", "rss.bytes": BUDGET}
"""Families that are shown and never judged, with the reason."""
JUDGED = ("python.blocks", "types", "descriptors", "threads", "tasks")
FEWEST_SAMPLES = 64
"""Fewest samples for a judgement. In a shorter run, modules that are imported for the first time look like growth."""


class SelfMonitor:
    """Takes a sample of this process in each round of the run, and judges the samples."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._book = SeriesBook()
        self._ledger = Ledger()
        self._rounds = 0
        self._newest: tuple[int, dict[str, tuple[Judgement, Judgement]]] = (0, {})  # bounded by the book

    def sample(self) -> None:
        """Count this process, and store the values as the sample of the current round."""
        values = count(self._ledger, disturb=True)
        values.update(outside.process_values(os.getpid(), "harness"))
        values.update(outside.budgets(os.getpid()))
        self._book.add(Sample(self._clock(), self._rounds, values))
        self._rounds += 1

    def results(self) -> list[GaugeResult]:
        """Return one result for each family of gauges.

        The rate of a result is the rise for each round of the run, not for each cycle.
        """
        names: dict[str, list[str]] = {family: [] for family in (*JUDGED, *SHOWN)}  # bounded by the families
        for name in self._book.series:
            names.get(name.partition(":")[0], []).append(name)
        return [self._result(family, members) for family, members in names.items()]

    def _result(self, family: str, members: list[str]) -> GaugeResult:
        """Return the result of a family: the worst judgement of its members, and the sum of their rises."""
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
            return Trend.UNJUDGED, too_few(self._rounds, FEWEST_SAMPLES, "sample")
        if not judged:
            return Trend.UNMEASURED, NOT_HERE
        return (Trend.RISING, "") if any(convicted(*self._judged()[name]) for name in judged) else (Trend.FLAT, "")

    def series(self) -> list[SeriesResult]:
        """Return the series of the harness's gauges, for plots."""
        return [
            SeriesResult(name, HARNESS, gauge_of(name).unit, None, self._book.series[name].measured())
            for name in PLOTTED
            if name in self._book.series
        ]

    def findings(self) -> list[FindingResult]:
        """Return a finding for each gauge that rises both in the middle third and in the last third of the run."""
        return [_finding(name, second) for name, (first, second) in self._judged().items() if convicted(first, second)]

    def _judged(self) -> dict[str, tuple[Judgement, Judgement]]:
        """Return for each gauge its judgements in the middle third and in the last third of the run; {} before
        FEWEST_SAMPLES rounds.
        """
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
        """Return the points of a gauge without the first third of the run, in which everything is imported for the
        first time.
        """
        return self._book.window(name, self._rounds // 3)


def _rate(points: list[tuple[int, float]]) -> float | None:
    return (points[-1][1] - points[0][1]) / (points[-1][0] - points[0][0]) if len(points) > 1 else None


def _finding(name: str, second: Judgement) -> FindingResult:
    unit = second.gauge.unit
    grown = f"{second.per_cycle:.3g} {unit} more with each of its samples"
    detail = f"expected no growth of {name} in the harness; found {grown}"
    return FindingResult("harness", name, detail, second.per_cycle, unit, 0, "", "")
