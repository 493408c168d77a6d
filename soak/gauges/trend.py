"""Whether a gauge rises with the cycles: permissive suspicion, strict conviction.

Pure: it gets the points of one window of a living process after its warm-up, and returns a decision. How often its
rules err is shown by `benchmarks/verdict.py`.
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
"""A window is cut into so many stretches: a base and eight blocks that may rise. Each counts with its minimum."""

FEWEST_BLOCKS: Final = 4
"""With fewer blocks nothing is said about growth."""

ONE_STEP: Final = 0.6
"""The most of a rise that may come in one block: more is a cache, a late import, a dictionary that was resized."""

LEAP: Final = 4.0
"""A step is a leap, and no part of what rises steadily, when it is so many times the median one and..."""

LEAP_PART: Final = 0.25
"""...more than this part of the whole rise."""

BELOW: Final = 0.25
"""How far a block may be below the base, as a part of the rise: one high base would hide a leak."""

UNSTEADY_BLOCKS: Final = 1
"""Blocks of a confirmation that need not rise; of a count at rest, half of them need not."""

SLIGHT: Final = 0.25
"""A rise by less than this part of the average one is none."""

SLOWING: Final = 0.5
"""The least that the second half must rise, as a part of the first half's rise: what fills a cache slows down."""

SLOWER: Final = 0.6
"""The least rate for each cycle in the confirmation, which is later in a process' life, as a part of the first rate."""

FASTER: Final = 4.0
"""The largest one."""

CONFIRMATION: Final = 3
"""The blocks of a confirmation are about so many times as long."""

MARGIN: Final = 2.0
"""How much larger than it was a wobble is taken to be, for a leak that is found nine times in ten."""

HALVINGS: Final = 16
"""How often the range of the smallest leak is halved: to one part in some thousand."""

CLEARLY: Final = 4.0
"""A rise of so many times the threshold is clear..."""

FEWEST_CLEAR_BLOCKS: Final = 5
"""...after so many blocks."""

ROUNDING: Final = 1e-9

Level: TypeAlias = tuple[int, float]
"""A cycle, and the value then: the minimum of a stretch."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The trend of one gauge in one window.

    `total` and `threshold` are in the gauge's unit, `per_cycle` and `smallest_leak` in its unit for each cycle.
    `smallest_leak` is the least steady leak that this window would have shown; `blocks` how many stretches stood
    against the base; `cycles` how many cycles the window is long. `reason` says why nothing is known. One window alone
    convicts nothing: what rises in it is suspected.
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
        """Whether it is worth a confirmation."""
        return self.state is Trend.SUSPECTED


def judge(points: Sequence[tuple[int, float | None]], gauge: Gauge) -> Judgement:
    """Judge (cycle, value) points; None and NaN stand for what could not be measured."""
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
    """Too little ran, or what ran could not be measured."""
    if counted < needed:
        return Trend.UNJUDGED, too_few(max(0, counted), needed)
    return Trend.UNMEASURED, NOT_HERE if not measured else f"measured in only {measured:,} of {counted:,} blocks"


def convicted(first: Judgement, again: Judgement) -> bool:
    """Whether a confirmation (a fresh process, a new seed, a longer warm-up, longer blocks) shows the same leak.

    An amount has to rise in nearly every block, not slower and slower, and at a rate like the first one. A count at
    rest has to rise in every other block: one more that stays one more is a pool or a late start, not a leak.
    """
    if not (first.suspicious and again.suspicious):
        return False
    if again.gauge.kind is GaugeKind.REST:
        return _comes_again(again.levels)
    agree = SLOWER * first.per_cycle <= again.per_cycle <= FASTER * first.per_cycle
    return agree and again.per_cycle > 0 and _is_steady(again.levels)


def is_warm(values: Sequence[float], gauge: Gauge | None = None) -> bool:
    """Whether the last two blocks no longer rose. `values` has one value a block; half the gauge's floor is no rise."""
    slack = 0.0 if gauge is None else gauge.floor / 2
    return len(values) > 2 and all(after - before <= slack for before, after in pairwise(values[-3:]))


def is_even(values: Sequence[float]) -> bool:
    """Whether the last three blocks rose by about the same: no warm-up will end that."""
    steps = [after - before for before, after in pairwise(values[-4:])]
    return len(steps) == 3 and min(steps) > 0 and max(steps) - min(steps) <= SLIGHT * max(steps)


def is_clear(judgement: Judgement) -> bool:
    """Whether it rises so much that fewer blocks are enough to say so."""
    return judgement.suspicious and judgement.total >= CLEARLY * max(judgement.threshold, 1)


def _judge_rest(measured: Sequence[Level], levels: tuple[Level, ...], gauge: Gauge) -> Judgement:
    """A count that must be what it was: any more of it is suspicious, less is not."""
    total = measured[-1][1] - measured[0][1]
    cycles = max(1, measured[-1][0] - measured[0][0])
    state = Trend.SUSPECTED if total > 0 else Trend.FLAT
    blocks = len(levels) - 1
    fewest = max(1.0, blocks / 2 / CONFIRMATION)  # so many in this window are one in every other block of the next
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
    """The minima of equal stretches of the axis of cycles. With nine points in even distances it is those."""
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
    """Return whether the rise is more than one step: that one is small, or the rest is large enough without it."""
    return _at_least(ONE_STEP * total, max(steps)) or _at_least(sum(_without_leaps(steps)), threshold)


def _is_steady(levels: Sequence[Level]) -> bool:
    """Whether nearly every block rises, and one that does not falls by no more than blocks rise on average."""
    steps = _without_leaps(_steps(levels))
    average = sum(steps) / len(steps)
    unsteady = sum(step <= SLIGHT * average for step in steps)
    return unsteady <= UNSTEADY_BLOCKS and _at_least(min(steps), -average) and _keeps_rising(levels)


def _comes_again(levels: Sequence[Level]) -> bool:
    """Whether a count rises again and again: in at least half of the blocks, to the end, and never falls by much."""
    steps = _steps(levels)
    often = 2 * sum(step > 0 for step in steps) >= len(steps)
    return often and min(steps) >= -max(1, _total(levels) / len(steps)) and _keeps_rising(levels, quantum=1)


def _keeps_rising(levels: Sequence[Level], quantum: float = 0) -> bool:
    """Whether it rises in both halves and does not slow down by more than a `quantum`; leaps may be left out of it."""
    steps, middle = _steps(levels), len(levels) // 2
    return any(
        first > 0 and second > 0 and _at_least(second + quantum, SLOWING * first)
        for first, second in ((sum(some[:middle]), sum(some[middle:])) for some in (steps, _without_leaps(steps)))
    )


def _without_leaps(steps: Sequence[float]) -> list[float]:
    """The steps, with the median one in place of each leap."""
    usual, total = median(steps), sum(steps)
    most = max(LEAP * usual, LEAP_PART * total)
    return [min(step, usual) if step > most else step for step in steps]


def _smallest_leak(levels: Sequence[Level], threshold: float, cycles: int) -> float:
    """The least rate at which these levels, with a leak on top, would have been suspected and convicted.

    Their wobble is taken for larger than it is: another time it would have been another one.
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
    """How far steps usually are from the median one."""
    usual = median(steps)
    return median(abs(step - usual) for step in steps)


def _would_show(levels: Sequence[Level], threshold: float, cycles: int, rate: float) -> bool:
    first = [(cycle, value + rate * cycle) for cycle, value in levels]
    again = [(cycle, value + CONFIRMATION * rate * cycle) for cycle, value in levels]
    return _is_suspicious(first, threshold, cycles) and _is_steady(again)


def _rate(levels: Sequence[Level]) -> float:
    """The median of the slopes between all levels; leaps do not count."""
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
    """`value` >= `least`, but for rounding."""
    return value >= least - ROUNDING * max(abs(value), abs(least))
