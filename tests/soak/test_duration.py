"""Durations as users write them."""

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soak.duration import LONGEST, Duration

convert = Duration().convert


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("2m", 120),
        ("2min", 120),
        ("1h30m", 5400),
        ("1h 30m", 5400),
        ("24h", 86_400),
        ("7d", 7 * 86_400),
        ("0.5s", 0.5),
        (" 1.5H ", 5400),
        ("366d", LONGEST),
    ],
)
def test_what_people_write_is_so_many_seconds(text: str, seconds: float) -> None:
    assert convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5m", "1h-", "m", "1x", "1..5s", "1e3s", "5 6s"])
def test_what_is_no_length_of_time_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(click.BadParameter, match="expected a duration as 90s, 2m, 1h30m or 24h; found"):
        convert(text, None, None)


@pytest.mark.parametrize("text", ["5", "0", "2.5", " 10 "])
def test_a_number_without_a_unit_is_refused_with_the_units(text: str) -> None:
    with pytest.raises(click.BadParameter, match=rf"with a unit \(s, m, h or d\).*write {text.strip()}s for seconds"):
        convert(text, None, None)


@pytest.mark.parametrize("text", ["0s", "0.01s", "367d", "400d", "9999999h"])
def test_a_length_that_is_out_of_range_is_refused_with_the_range(text: str) -> None:
    with pytest.raises(click.BadParameter, match=rf"expected a duration from 0\.1s to 366d; found '{text}'"):
        convert(text, None, None)


def test_a_default_that_is_a_number_is_taken_as_it_is() -> None:
    assert convert(5, None, None) == 5.0


@given(st.integers(0, 23), st.integers(0, 59), st.integers(1, 59))
def test_parts_add_up(hours: int, minutes: int, seconds: int) -> None:
    assert convert(f"{hours}h{minutes}m{seconds}s", None, None) == hours * 3600 + minutes * 60 + seconds


@given(st.text(max_size=20))
def test_any_text_gives_a_positive_length_or_is_refused(text: str) -> None:
    try:
        seconds = convert(text, None, None)
    except click.BadParameter:
        return
    assert 0 < seconds <= LONGEST
