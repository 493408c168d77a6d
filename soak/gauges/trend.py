"""Judges whether a gauge rises with the cycles. A gauge is suspected on weak evidence, but convicted only on strong
evidence.

The input is the points of one window: all samples of one process after its warm-up. A level is the lowest value in one
interval of the window; a step is the difference between two successive levels. Does no I/O.
`benchmarks/verdict.py` measures how often the rules are wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, combinations, pairwise
from math import isnan
from statistics import median
from typing import Final, TypeAlias

from soak.gauges.gauge import Gauge, GaugeKind
from soak.gauges.state import BUDGET, NOT_HERE, Trend, too_few

STRETCHES: Final = 9
"""Number of intervals into which a window is divided: the base, and eight that may rise.

The level of an interval is its minimum.
"""

FEWEST_BLOCKS: Final = 4
"""Fewest blocks for a judgement of growth."""

ONE_STEP: Final = 0.6
"""Largest share of the total rise that may happen in one step.

A larger step is not a leak, but a cache, a late import or a resized dictionary.
"""

LEAP: Final = 4.0
"""Least size of a leap, as a multiple of the median step.

A leap is a single large step that does not belong to a steady rise.
"""

LEAP_PART: Final = 0.25
"""Least size of a leap, as a share of the total rise. A step is a leap only if it is larger than both limits."""

BELOW: Final = 0.25
"""How far a level may be below the base, as a share of the rise.

Without this tolerance, a base that is high by chance would hide a leak.
"""

UNSTEADY_BLOCKS: Final = 1
"""Most blocks of a confirmation in which an amount may fail to rise. A count at rest may do so in half of the blocks.
"""

SLIGHT: Final = 0.25
"""Steps that are smaller than this share of the average step do not count as a rise."""

SLOWING: Final = 0.5
"""Least rise in the second half of a window, as a share of the rise in the first half.

A smaller rise is that of a cache that fills up.
"""

SLOWER: Final = 0.6
"""Least rate in the confirmation, as a share of the first rate. It may be lower, because the warm-up is longer."""

FASTER: Final = 4.0
"""Largest rate of the confirmation, as a multiple of the first rate."""

CONFIRMATION: Final = 3
"""Blocks of a confirmation are about this many times as long as those of the run."""

MARGIN: Final = 2.0
"""Factor by which the observed noise is multiplied when `smallest_leak` is computed.

With this factor, a leak of that size is found nine times in ten.
"""

HALVINGS: Final = 16
"""Number of bisection steps in the search for the smallest leak."""

CLEARLY: Final = 4.0
"""Least size of a clear rise, as a multiple of the threshold."""

FEWEST_CLEAR_BLOCKS: Final = 5
"""Fewest blocks of a confirmation after which a clear rise ends it (see `is_clear`)."""

ROUNDING: Final = 1e-9

Level: TypeAlias = tuple[int, float]
"""The minimum of an interval: the cycle and the value there."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The judgement of one gauge in one window.

    `total` is the rise over the window, and `threshold` the least rise that counts, both in the gauge's unit.
    `per_cycle` and `smallest_leak` are in that unit for each cycle. `smallest_leak` is the smallest steady leak that
    would have been noticed in this window. `blocks` is the number of intervals after the base, and `cycles` the length
    of the window. `reason` says why the result is unknown.

    A judgement of one window never convicts: a gauge that rises in it is only suspected.
    """

    state: Trend
    gauge: Gauge
    per_cycle: float = 0.0
    smallest_leak: float = 0.0
    total: float = 0.0
    threshold: float = 0.0
    blocks: int = 0
    cycles: int = 0
    levels: tuple[Level, ...] = ()
    reason: str = ""

    @property
    def suspicious(self) -> bool:
        """Whether the gauge needs a confirmation."""
        return self.state is Trend.SUSPECTED


def judge(points: Sequence[tuple[int, float | None]], gauge: Gauge) -> Judgement:
    """Judge a gauge by (cycle, value) points. None and NaN are values that could not be measured."""
    measured = sorted(
        ((cycle, value) for cycle, value in points if value is not None and not isnan(value)), key=lambda at: at[0]
    )
    levels = _levels(measured)
    blocks = len(levels) - 1
    cycles = measured[-1][0] - measured[0][0] if measured else 0
    needed = 1 if gauge.kind is GaugeKind.REST else FEWEST_BLOCKS
    if blocks < needed:
        state, reason = _unknown(len(points) - 1, max(0, blocks), needed)
        reason = BUDGET if gauge.kind is GaugeKind.BUDGET and state is Trend.UNJUDGED else reason
        return Judgement(state, gauge, blocks=max(0, blocks), cycles=cycles, reason=reason)
    if gauge.kind is GaugeKind.REST:
        return _judge_rest(measured, levels, gauge)
    return _judge_growth(levels, cycles, gauge)


def _unknown(counted: int, measured: int, needed: int) -> tuple[Trend, str]:
    """Return the state and the reason of a gauge that has too few blocks, or too few blocks with a measured value."""
    if counted < needed:
        return Trend.UNJUDGED, too_few(max(0, counted), needed)
    return Trend.UNMEASURED, NOT_HERE if not measured else f"measured in only {measured:,} of {counted:,} blocks"


def convicted(first: Judgement, second: Judgement) -> bool:
    """Return whether the judgement `second`, of a confirmation, shows the same leak as `first`.

    A confirmation has a fresh process, a new seed, a longer warm-up and longer blocks. An amount must rise in nearly
    every block, without slowing down, and at a rate like that of `first`. A count at rest must rise in at least every
    other block: a single increase is a pool or a late start, not a leak.
    """
    if not (first.suspicious and second.suspicious):
        return False
    if second.gauge.kind is GaugeKind.REST:
        return _comes_again(second.levels)
    agree = SLOWER * first.per_cycle <= second.per_cycle <= FASTER * first.per_cycle
    return agree and second.per_cycle > 0 and _is_steady(second.levels)


def is_warm(values: Sequence[float], gauge: Gauge | None = None) -> bool:
    """Return whether a warm-up may end: the value rose by at most half the gauge's floor in each of the last two
    blocks.

    Without a `gauge`, the value must not have risen at all. `values` are the samples of the warm-up, one for each
    block.
    """
    slack = 0.0 if gauge is None else gauge.floor / 2
    return len(values) > 2 and all(after - before <= slack for before, after in pairwise(values[-3:]))


def is_even(values: Sequence[float]) -> bool:
    """Return whether the value rose by about the same amount in each of the last three blocks of a warm-up. A longer
    warm-up would not change that.
    """
    steps = [after - before for before, after in pairwise(values[-4:])]
    return len(steps) == 3 and min(steps) > 0 and max(steps) - min(steps) <= SLIGHT * max(steps)


def is_clear(judgement: Judgement) -> bool:
    """Return whether the rise in a confirmation is so large that the confirmation can end early."""
    return judgement.suspicious and judgement.total >= CLEARLY * max(judgement.threshold, 1)


def _judge_rest(measured: Sequence[Level], levels: tuple[Level, ...], gauge: Gauge) -> Judgement:
    """Judge a count that must return to its earlier value. An increase is suspicious, a decrease is not."""
    total = measured[-1][1] - measured[0][1]
    cycles = max(1, measured[-1][0] - measured[0][0])
    state = Trend.SUSPECTED if total > 0 else Trend.FLAT
    blocks = len(levels) - 1
    fewest = max(1.0, blocks / 2 / CONFIRMATION)  # equals one in every other block of the confirmation
    return Judgement(state, gauge, total / cycles, fewest / cycles, total, 1, blocks, cycles, levels)


def _judge_growth(levels: tuple[Level, ...], cycles: int, gauge: Gauge) -> Judgement:
    threshold = max(gauge.floor, gauge.per_cycle * cycles)
    if gauge.kind is GaugeKind.BUDGET:
        shown = Judgement(Trend.UNJUDGED, gauge, _rate(levels), total=_total(levels), reason=BUDGET)
        return replace(shown, blocks=len(levels) - 1, cycles=cycles, levels=levels)
    return Judgement(
        state=Trend.SUSPECTED if _is_suspicious(levels, threshold, cycles) else Trend.FLAT,
        gauge=gauge,
        per_cycle=_rate(levels),
        smallest_leak=_smallest_leak(levels, threshold, cycles),
        total=_total(levels),
        threshold=threshold,
        blocks=len(levels) - 1,
        cycles=cycles,
        levels=levels,
    )


def _levels(measured: Sequence[Level]) -> tuple[Level, ...]:
    """Return the lowest point in each of at most nine equal intervals of cycles. Nine equidistant points are returned
    as they are.
    """
    if not measured:
        return ()
    stretches = min(STRETCHES, len(measured))
    start, length = measured[0][0], max(1, measured[-1][0] - measured[0][0])
    lowest: dict[int, Level] = {}  # bounded by STRETCHES
    for cycle, value in measured:
        stretch = min(stretches - 1, (cycle - start) * stretches // length)
        if stretch not in lowest or value < lowest[stretch][1]:
            lowest[stretch] = (cycle, value)
    return tuple(lowest[stretch] for stretch in sorted(lowest))


def _is_suspicious(levels: Sequence[Level], threshold: float, cycles: int) -> bool:
    steps, total = _steps(levels), _total(levels)
    first, second = _halves(levels)
    in_both = first > 0 and second > 0
    rise = max(total, _rate(levels) * cycles)
    lowest = min(value for _, value in levels) - levels[0][1]
    stays_above = _at_least(lowest, -BELOW * total)
    return in_both and _at_least(rise, threshold) and stays_above and _is_spread(steps, total, threshold)


def _is_spread(steps: Sequence[float], total: float, threshold: float) -> bool:
    """Return whether the rise does not come from a single step.

    Either the largest step is small, or the other steps alone reach the threshold.
    """
    return _at_least(ONE_STEP * total, max(steps)) or _at_least(sum(_without_leaps(steps)), threshold)


def _is_steady(levels: Sequence[Level]) -> bool:
    """Return whether nearly every block rises, and none falls by more than the average rise."""
    steps = _without_leaps(_steps(levels))
    average = sum(steps) / len(steps)
    unsteady = sum(step <= SLIGHT * average for step in steps)
    return unsteady <= UNSTEADY_BLOCKS and _at_least(min(steps), -average) and _keeps_rising(levels)


def _comes_again(levels: Sequence[Level]) -> bool:
    """Return whether a count rises repeatedly: in at least half of the blocks, and up to the end.

    In no block may it fall by more than 1 or, if that is more, the average rise.
    """
    steps = _steps(levels)
    often = 2 * sum(step > 0 for step in steps) >= len(steps)
    return often and min(steps) >= -max(1, _total(levels) / len(steps)) and _keeps_rising(levels, quantum=1)


def _keeps_rising(levels: Sequence[Level], quantum: float = 0) -> bool:
    """Return whether the value rises in both halves of the window, and does not slow down in the second half.

    The rise of the second half plus `quantum` must be at least SLOWING times the rise of the first half. It is enough
    if this applies to the steps, or to the steps without leaps.
    """
    steps, middle = _steps(levels), len(levels) // 2
    return any(
        first > 0 and second > 0 and _at_least(second + quantum, SLOWING * first)
        for first, second in ((sum(some[:middle]), sum(some[middle:])) for some in (steps, _without_leaps(steps)))
    )


def _without_leaps(steps: Sequence[float]) -> list[float]:
    """Return the steps with each leap replaced by the median step."""
    usual, total = median(steps), sum(steps)
    most = max(LEAP * usual, LEAP_PART * total)
    return [min(step, usual) if step > most else step for step in steps]


def _smallest_leak(levels: Sequence[Level], threshold: float, cycles: int) -> float:
    """Return the smallest rate of a leak that would have been suspected and convicted if it were added to these levels.

    The noise is multiplied by MARGIN, because it differs from run to run.
    """
    threshold += MARGIN * _unrest(_steps(levels))
    levels = [(cycle, MARGIN * value) for cycle, value in levels]
    low = threshold / cycles
    if _would_show(levels, threshold, cycles, low):
        return low
    wobble = max(value for _, value in levels) - min(value for _, value in levels)
    high = 4 * len(levels) * (low + wobble / cycles)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if _would_show(levels, threshold, cycles, middle) else (middle, high)
    return high


def _unrest(steps: Sequence[float]) -> float:
    """Return how much the steps vary: the median difference between a step and the median step."""
    usual = median(steps)
    return median(abs(step - usual) for step in steps)


def _would_show(levels: Sequence[Level], threshold: float, cycles: int, rate: float) -> bool:
    first = [(cycle, value + rate * cycle) for cycle, value in levels]
    second = [(cycle, value + CONFIRMATION * rate * cycle) for cycle, value in levels]
    return _is_suspicious(first, threshold, cycles) and _is_steady(second)


def _rate(levels: Sequence[Level]) -> float:
    """Return the rise for each cycle: the median slope between all pairs of levels, without leaps."""
    heights = accumulate(_without_leaps(_steps(levels)), initial=levels[0][1])
    steady = zip((cycle for cycle, _ in levels), heights, strict=True)
    return median((after - before) / (later - earlier) for (earlier, before), (later, after) in combinations(steady, 2))


def _steps(levels: Sequence[Level]) -> list[float]:
    return [after - before for (_, before), (_, after) in pairwise(levels)]


def _total(levels: Sequence[Level]) -> float:
    return levels[-1][1] - levels[0][1]


def _halves(levels: Sequence[Level]) -> tuple[float, float]:
    middle = levels[len(levels) // 2][1]
    return middle - levels[0][1], levels[-1][1] - middle


def _at_least(value: float, least: float) -> bool:
    """Return whether `value` >= `least`, except for rounding errors."""
    return value >= least - ROUNDING * max(abs(value), abs(least))
