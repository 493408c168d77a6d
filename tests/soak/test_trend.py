"""The judgement of growth: a clean gauge is never convicted, and a leak always is."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import nan
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soak.gauges.gauge import GAUGES, Gauge
from soak.gauges.state import Trend
from soak.gauges.time_series import Series
from soak.gauges.trend import Judgement, convicted, is_warm, judge

HEAP, BLOCKS, TYPES, TASKS, RSS = (
    GAUGES[name] for name in ("heap.bytes", "python.blocks", "types", "tasks", "rss.bytes")
)
BLOCK = st.integers(1, 60)
GROWING = st.sampled_from([HEAP, BLOCKS, TYPES, GAUGES["children.bytes"]])
ANY_GAUGE = st.one_of(GROWING, st.just(TASKS))


def window(course: Callable[[int], float], block: int = 20, start: int = 0, blocks: int = 8) -> list[tuple[int, float]]:
    return [(start + block * number, course(start + block * number)) for number in range(blocks + 1)]


def of(values: Sequence[float], block: int = 20) -> list[tuple[int, float]]:
    return [(block * number, value) for number, value in enumerate(values)]


def both_windows(course: Callable[[int], float], gauge: Gauge, block: int = 20) -> tuple[Judgement, Judgement]:
    """Return the judgements of a run with a warm-up of two blocks, and of its confirmation."""
    first = judge(window(course, block, 2 * block), gauge)
    return first, judge(window(course, 3 * block, 6 * block), gauge)


def least_rate(gauge: Gauge, block: int) -> float:
    """Return the rate of a leak that reaches the threshold after 8 blocks."""
    return max(gauge.floor / (8 * block), gauge.per_cycle) or 1 / block


# -- what leaks


@given(ANY_GAUGE, BLOCK, st.floats(1, 1000), st.floats(-1e9, 1e9))
def test_a_steady_leak_from_the_threshold_upwards_is_suspected_and_convicted(
    gauge: Gauge, block: int, times: float, base: float
) -> None:
    rate = times * (1 + 1e-6) * least_rate(gauge, block)
    first, again = both_windows(lambda cycle: base + rate * cycle, gauge, block)
    assert first.suspicious
    assert convicted(first, again)
    assert again.per_cycle == pytest.approx(rate, rel=1e-3)


@pytest.mark.parametrize("below", [0.5, 0.99])
@pytest.mark.parametrize("gauge", [HEAP, BLOCKS, TYPES])
def test_a_rise_below_the_threshold_is_none(gauge: Gauge, below: float) -> None:
    rate = below * least_rate(gauge, 20)
    assert judge(window(lambda cycle: rate * cycle), gauge).state is Trend.FLAT


@pytest.mark.parametrize("block", [10, 15, 20])
@pytest.mark.parametrize("gauge", [TYPES, BLOCKS])
def test_one_object_in_five_cycles_is_convicted(gauge: Gauge, block: int) -> None:
    first, again = both_windows(lambda cycle: 1000 + cycle // 5, gauge, block)
    assert convicted(first, again)


@pytest.mark.parametrize("gauge", [TYPES, TASKS])
def test_one_object_in_a_block_of_twenty_is_convicted(gauge: Gauge) -> None:
    first, again = both_windows(lambda cycle: cycle // 20, gauge)
    assert convicted(first, again)
    assert again.per_cycle == pytest.approx(1 / 20)


def test_sixteen_bytes_a_cycle_which_take_32_of_the_heap_are_convicted_beside_a_wobble_of_a_hundred() -> None:
    for seed in range(100):
        random = Random(seed)  # noqa: S311 - the same every time
        assert convicted(*both_windows(lambda cycle, r=random: 5e6 + 32 * cycle + r.gauss(0, 100), HEAP)), seed


def test_a_leak_beside_a_step_is_convicted_and_its_rate_is_that_of_the_leak() -> None:
    first, again = both_windows(lambda cycle: 16 * cycle + 50_000 * (cycle > 130), HEAP)
    assert convicted(first, again)
    assert first.per_cycle == pytest.approx(16)


@given(st.integers(2, 60), st.integers(100, 600))
def test_a_leak_is_seen_in_a_long_window_as_well(block: int, points: int) -> None:
    rate = 1.01 * max(TYPES.per_cycle, TYPES.floor / (block * (points - 1)))
    judgement = judge(window(lambda cycle: rate * cycle, block, blocks=points - 1), TYPES)
    assert judgement.suspicious
    assert judgement.per_cycle == pytest.approx(rate)
    assert judgement.blocks == 8


def test_a_small_leak_is_convicted_in_a_long_window_below_a_large_wobble() -> None:
    random = Random(1)  # noqa: S311 - the same every time
    first, again = (
        judge(window(lambda cycle: 16 * cycle + random.uniform(0, 20_000), 20, blocks=4000), HEAP) for _ in range(2)
    )
    assert convicted(first, again)
    assert again.per_cycle == pytest.approx(16, rel=0.05)


# -- what is clean


@given(ANY_GAUGE, st.floats(-1e9, 1e9), BLOCK)
def test_what_stays_is_not_suspicious(gauge: Gauge, value: float, block: int) -> None:
    judgement = judge(window(lambda _: value, block), gauge)
    assert (judgement.state, judgement.total, judgement.per_cycle) == (Trend.FLAT, 0, 0)


@given(GROWING, st.integers(1, 8), st.floats(0, 1e9), BLOCK)
def test_one_step_is_not_suspicious_whenever_it_comes(gauge: Gauge, when: int, size: float, block: int) -> None:
    assert not judge(of([size * (number >= when) for number in range(9)], block), gauge).suspicious


@given(ANY_GAUGE, st.lists(st.tuples(st.integers(0, 1000), st.floats(0, 1e6)), max_size=3))
def test_a_few_steps_are_never_convicted(gauge: Gauge, steps: list[tuple[int, float]]) -> None:
    assert not convicted(*both_windows(lambda cycle: sum(size for when, size in steps if cycle >= when), gauge))


@given(ANY_GAUGE, st.integers(1, 480), st.floats(0.01, 1e6))
def test_a_cache_that_is_full_before_the_last_quarter_of_the_confirmation_is_never_convicted(
    gauge: Gauge, full: int, size: float
) -> None:
    first, again = both_windows(lambda cycle: size * min(cycle, full), gauge)
    assert not (full <= 360 and convicted(first, again))
    assert not (gauge is not TASKS and convicted(first, again))


@given(ANY_GAUGE, st.integers(1, 300), st.floats(0.01, 1e6))
def test_a_cache_that_settles_is_never_convicted(gauge: Gauge, keys: int, size: float) -> None:
    def filled(cycle: int) -> float:
        return size * keys * (1 - (1 - 1 / keys) ** cycle)

    assert not (gauge is not TASKS and convicted(*both_windows(filled, gauge)))


@given(
    ANY_GAUGE,
    st.dictionaries(st.integers(1, 8), st.floats(0, 1e9), max_size=3),
    st.dictionaries(st.integers(1, 8), st.floats(0, 1e9), max_size=3),
)
def test_bursts_that_return_are_never_convicted(gauge: Gauge, first: dict[int, float], again: dict[int, float]) -> None:
    one, other = (judge(of([at.get(number, 0) for number in range(9)]), gauge) for at in (first, again))
    assert not convicted(one, other)


@given(ANY_GAUGE, st.integers(40, 480), st.integers(0, 480), st.floats(0.1, 1e6))
def test_a_sawtooth_that_falls_in_the_confirmation_is_never_convicted(
    gauge: Gauge, period: int, phase: int, size: float
) -> None:
    def course(cycle: int) -> float:
        return size * ((cycle + phase) % period)

    again = window(course, 60, 120)
    falls = [after < before for (_, before), (_, after) in pairwise(again)]
    assert not (any(falls[1:]) and period >= 120 and convicted(*both_windows(course, gauge)))


@given(GROWING, st.lists(st.floats(0, 0.5), min_size=9, max_size=9))
def test_a_wobble_of_half_the_threshold_is_not_suspicious(gauge: Gauge, values: list[float]) -> None:
    threshold = max(gauge.floor, gauge.per_cycle * 160)
    assert not judge(of([threshold * value for value in values]), gauge).suspicious


@pytest.mark.parametrize("size", [100, 300, 1000])
def test_a_random_wobble_is_never_convicted(size: float) -> None:
    for seed in range(300):
        random = Random(seed)  # noqa: S311 - the same every time
        assert not convicted(*both_windows(lambda _, r=random: r.gauss(0, size), HEAP)), seed


def test_a_random_wobble_is_not_suspicious_in_a_long_window() -> None:
    for seed in range(5):
        random = Random(seed)  # noqa: S311 - the same every time
        assert not judge(window(lambda _, r=random: r.uniform(0, 1e6), blocks=2000), HEAP).suspicious


def test_a_budget_is_never_suspicious() -> None:
    assert judge(window(lambda cycle: 1e6 * cycle), RSS).state is Trend.UNJUDGED


# -- counts at rest


@pytest.mark.parametrize(("end", "state"), [(4, Trend.FLAT), (5, Trend.FLAT), (6, Trend.SUSPECTED)])
def test_a_count_at_rest_must_not_end_higher(end: int, state: Trend) -> None:
    assert judge(of([5, 5, 7, 5, 5, 5, 5, 5, end]), TASKS).state is state


@pytest.mark.parametrize(
    ("again", "leaks"),
    [
        ([0, 1, 2, 3, 4, 5, 6, 7, 8], True),
        ([0, 0, 1, 1, 2, 2, 3, 3, 4], True),
        ([0, 3, 6, 9, 12, 15, 18, 21, 24], True),
        ([0, 0, 0, 0, 0, 0, 0, 0, 1], False),
        ([0, 1, 1, 1, 1, 1, 1, 1, 1], False),
        ([0, 0, 1, 1, 1, 1, 2, 2, 2], False),
        ([0, 1, 2, 3, 4, 4, 4, 4, 4], False),
        ([0, 0, 0, 0, 0, 0, 0, 0, 0], False),
        ([4, 3, 3, 3, 2, 2, 1, 0, 0], False),
    ],
)
def test_a_count_at_rest_is_convicted_when_it_rises_again_and_again(again: list[float], leaks: bool) -> None:
    first = judge(of([0, 0, 0, 1, 1, 1, 2, 2, 2]), TASKS)
    assert convicted(first, judge(of(again, 60), TASKS)) is leaks


def test_nothing_is_convicted_that_only_one_window_shows() -> None:
    leak, clean = judge(window(lambda cycle: cycle), TYPES), judge(window(lambda _: 0), TYPES)
    assert not convicted(leak, clean)
    assert not convicted(clean, leak)


@pytest.mark.parametrize(("rate", "agrees"), [(5, False), (6, True), (10, True), (40, True), (41, False)])
def test_both_windows_must_agree_on_the_rate(rate: float, agrees: bool) -> None:
    first, again = judge(window(lambda cycle: 10 * cycle), TYPES), judge(window(lambda cycle: rate * cycle, 60), TYPES)
    assert convicted(first, again) is agrees


# -- whatever the values


@given(
    GROWING,
    st.lists(st.integers(-1000, 1000), min_size=9, max_size=40),
    st.sampled_from([2.0**-10, 0.5, 2.0, 2.0**20]),
    st.randoms(use_true_random=False),
)
def test_units_and_the_order_of_points_do_not_matter(
    gauge: Gauge, values: list[int], scale: float, random: Random
) -> None:
    small = Gauge("units", gauge.kind, 50, 0.5)
    large = Gauge("units", gauge.kind, 50 * scale, 0.5 * scale)
    points = of(values)
    one = judge(points, small)
    scaled = [(cycle, scale * value) for cycle, value in points]
    other = judge(random.sample(scaled, len(scaled)), large)
    assert (other.state, other.per_cycle, other.total) == (one.state, scale * one.per_cycle, scale * one.total)
    assert other.smallest_leak == pytest.approx(scale * one.smallest_leak)


@given(ANY_GAUGE, st.lists(st.tuples(st.integers(0, 500), st.none() | st.floats(-1e15, 1e15) | st.just(nan))))
def test_any_points_get_a_judgement(gauge: Gauge, points: list[tuple[int, float | None]]) -> None:
    judgement = judge(points, gauge)
    assert judgement.state in set(Trend) - {Trend.RISING}
    assert 0 <= judgement.blocks <= 8
    assert judgement.smallest_leak >= 0
    assert not (judgement.state is Trend.UNMEASURED and convicted(judgement, judgement))


@pytest.mark.parametrize(
    ("points", "blocks"), [([], 0), (of([1]), 0), (of([1, 2, 3, 4]), 3), ([(0, None), (1, None)], 1)]
)
def test_too_few_points_are_not_judged_and_say_how_many_are_needed(
    points: list[tuple[int, float]], blocks: int
) -> None:
    judgement = judge(points, TYPES)
    assert (judgement.state, judgement.reason) == (Trend.UNJUDGED, f"too few blocks ({blocks} of 4 needed)")


def test_what_has_no_value_in_any_block_is_not_measured() -> None:
    judgement = judge(of([nan] * 9), TYPES)
    assert (judgement.state, judgement.reason) == (Trend.UNMEASURED, "not measurable on this platform")
    assert judge(of([nan] * 6 + [1, 1, 1]), TYPES).reason == "measured in only 2 of 8 blocks"


def test_a_moment_without_a_value_hides_no_leak() -> None:
    values = [float(4 * number) for number in range(9)]
    values[0] = values[4] = nan
    assert judge(of(values), TYPES).suspicious


# -- the smallest leak


def test_the_smallest_leak_of_a_still_gauge_is_its_threshold() -> None:
    assert judge(window(lambda _: 0, 10), TYPES).smallest_leak == 5 / 80
    assert judge(window(lambda _: 0, 60), TYPES).smallest_leak == 0.05


@given(st.lists(st.integers(-2000, 2000), min_size=9, max_size=9))
def test_a_leak_of_the_smallest_size_on_top_would_have_been_suspected(values: list[int]) -> None:
    judgement = judge(of(values), HEAP)
    leak = judgement.smallest_leak
    again = judge([(cycle, value + leak * cycle) for cycle, value in of(values)], HEAP)
    assert again.suspicious
    assert leak >= judgement.threshold / 160


def test_the_smallest_leak_of_a_count_is_one_in_every_other_block_of_a_confirmation() -> None:
    assert judge(window(lambda _: 5), TASKS).smallest_leak == pytest.approx(4 / 480)


def test_a_wobble_makes_the_smallest_leak_larger() -> None:
    still, wobbling = judge(of([0] * 9), HEAP), judge(of([0, 0, 2000, 0, 2000, 0, 0, 2000, 0]), HEAP)
    assert wobbling.smallest_leak > 2 * still.smallest_leak


# -- halving


@given(st.integers(100, 1500), st.sampled_from([32, 64, 128]), st.floats(1.01, 50))
def test_halving_hides_no_leak(count: int, capacity: int, times: float) -> None:
    series = Series(capacity=capacity)
    rate = times * max(HEAP.per_cycle, HEAP.floor / (10 * (count - 1)))
    for number in range(count):
        series.add(number, 10 * number, rate * 10 * number)
    judgement = judge(series.window(), HEAP)
    assert judgement.suspicious
    assert judgement.per_cycle == pytest.approx(rate)


@given(st.integers(100, 600), st.sampled_from([32, 64, 128]), st.randoms(use_true_random=False))
def test_halving_invents_no_leak(count: int, capacity: int, random: Random) -> None:
    series = Series(capacity=capacity)
    for number in range(count):
        series.add(number, 10 * number, random.uniform(0, HEAP.floor / 2))
    assert not judge(series.window(), HEAP).suspicious


# -- warm-up


@pytest.mark.parametrize(
    ("values", "warm"),
    [
        ([], False),
        ([5, 5], False),
        ([5, 5, 5], True),
        ([0, 9, 12, 12], False),
        ([0, 9, 12, 12, 12], True),
        ([9, 8, 7], True),
        ([5, 5, 6], False),
    ],
)
def test_two_blocks_that_do_not_rise_are_warm(values: list[float], warm: bool) -> None:
    assert is_warm(values) is warm


@pytest.mark.parametrize(("rise", "warm"), [(HEAP.floor / 2, True), (HEAP.floor / 2 + 1, False)])
def test_half_of_a_gauges_floor_is_no_rise(rise: float, warm: bool) -> None:
    assert is_warm([0, rise, 2 * rise], HEAP) is warm
