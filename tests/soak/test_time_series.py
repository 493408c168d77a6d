"""Series of measured values: bounded, and thinning does not change the judgement."""

from itertools import pairwise
from math import isnan, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soak.gauges.gauge import Sample
from soak.gauges.time_series import FEW_POINTS, Series, SeriesBook

VALUES = st.lists(st.none() | st.floats(-1e12, 1e12), max_size=400)
CAPACITY = st.integers(8, 64)


def a_series(values: list[Any], capacity: int = 64) -> Series:
    series = Series(capacity)
    for number, value in enumerate(values):
        series.add(number / 2, number, value)
    return series


def sample(number: int, **values: float) -> Sample:
    return Sample(float(number), 10 * number, values)


def values_of(series: Series) -> list[float]:
    return [value for _, _, value in series]


@pytest.mark.parametrize("count", [0, 1, 15, 16])
def test_up_to_its_capacity_a_series_keeps_every_point(count: int) -> None:
    assert list(a_series(list(range(count)), 16)) == [(n / 2, n, n) for n in range(count)]


def test_one_point_more_and_the_smaller_of_two_neighbours_stays() -> None:
    values = [5, 9, 1, 2, 8, 7, 7, 3]
    assert values_of(a_series(values, 8)) == values
    assert list(a_series([*values, 4], 8)) == [(0, 0, 5), (1, 2, 1), (1.5, 3, 2), (2.5, 5, 7), (3.5, 7, 3), (4, 8, 4)]


@given(VALUES, CAPACITY)
def test_whatever_comes_the_capacity_holds_and_the_first_and_newest_stay(values: list[Any], capacity: int) -> None:
    series = a_series(values, capacity)
    points = list(series)
    assert len(series) == len(points) <= capacity
    assert all(earlier[1] < later[1] for earlier, later in pairwise(points))
    assert all(isnan(value) if values[cycle] is None else value == values[cycle] for _, cycle, value in points)
    assert [cycle for _, cycle, _ in points][:1] == [0][: len(values)]
    assert [cycle for _, cycle, _ in points][-1:] == [len(values) - 1][: len(values)]


@given(VALUES, CAPACITY)
def test_the_smallest_value_always_stays(values: list[Any], capacity: int) -> None:
    measured = [value for value in values if value is not None]
    assert min((value for _, _, value in a_series(values, capacity).measured()), default=None) == min(
        measured, default=None
    )


@given(st.integers(100, 2000), CAPACITY)
def test_old_points_lie_as_densely_as_new_ones(count: int, capacity: int) -> None:
    cycles = [cycle for _, cycle, _ in a_series(list(range(count)), capacity)]
    distances = [later - earlier for earlier, later in pairwise(cycles[1:-1])]
    assert len(set(distances)) == 1
    assert len(cycles) >= capacity // 2 - 1


def test_what_was_not_measured_gives_way_to_what_was() -> None:
    values = [None, None, 2, 3, None, None, None, 7, None]
    assert a_series(values, 8).measured() == [(1, 2, 2), (1.5, 3, 3), (3.5, 7, 7)]


@given(VALUES, VALUES, CAPACITY, CAPACITY)
def test_a_smaller_capacity_holds_from_then_on(before: list[Any], after: list[Any], first: int, then: int) -> None:
    series = a_series(before, first)
    series.limit(then)
    for number, value in enumerate(after):
        series.add(1000, 1000 + number, value)
    assert len(series) <= min(first, then)


def test_a_copy_goes_its_own_way() -> None:
    series = a_series([1, 2])
    copy = series.copy()
    copy.add(9, 9, 9)
    assert (values_of(series), values_of(copy)) == ([1, 2], [1, 2, 9])


def test_a_window_begins_at_its_cycle() -> None:
    assert a_series([4, 5, 6, 7]).window(2) == [(2, 6), (3, 7)]


# -- the book


def test_a_name_that_appears_late_stood_at_zero_before() -> None:
    book = SeriesBook()
    for one in (sample(0, a=1), sample(1, a=1), sample(2, a=1, b=7)):
        book.add(one)
    assert book.window("b") == [(0, 0), (10, 0), (20, 7)]


def test_a_name_that_is_absent_later_is_zero_then() -> None:
    book = SeriesBook()
    for one in (sample(0, a=1), sample(1), sample(2, a=2)):
        book.add(one)
    assert book.window("a", since=10) == [(10, 0), (20, 2)]
    assert book.window("never") == [(0, 0), (10, 0), (20, 0)]


def test_what_could_not_be_measured_is_not_zero() -> None:
    book = SeriesBook()
    book.add(sample(0, a=nan))
    assert book.series["a"].measured() == []


@pytest.mark.parametrize(("names", "kept", "refused"), [(3, 3, 0), (4, 4, 0), (5, 4, 2)])
def test_names_beyond_the_cap_are_counted_each_time(names: int, kept: int, refused: int) -> None:
    book = SeriesBook(most_names=4)
    for number in range(2):
        book.add(sample(number, **{str(name): 1 for name in range(names)}))
    assert (len(book.series), book.refused) == (kept, refused)


def test_many_series_share_their_memory() -> None:
    book = SeriesBook()
    names = {f"files:{number}": 1.0 for number in range(2000)}
    for number in range(300):
        book.add(Sample(number, number, names))
    assert all(128 <= len(series) <= 262 for series in book.series.values())


def test_a_series_of_one_type_is_short_and_keeps_its_ends() -> None:
    book = SeriesBook()
    for number in range(3 * FEW_POINTS):
        book.add(Sample(number, number, {"types:some.Thing": float(number), "heap.bytes": 1.0}))
    few, many = book.series["types:some.Thing"], book.series["heap.bytes"]
    assert (len(few) <= FEW_POINTS, len(many)) == (True, 3 * FEW_POINTS)
    assert (next(iter(few))[2], [*few][-1][2]) == (0, 3 * FEW_POINTS - 1)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=20,
)
