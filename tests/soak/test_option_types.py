"""Numbers and paths on the command line: the accepted values, and the errors for others."""

import math

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soak.option_types import CYCLES, PHONES, SEED, TIME_SCALE, NumberInRange, PathName

NUMBERS = {"seed": SEED, "cycles": CYCLES, "time-scale": TIME_SCALE, "phones": PHONES}


@pytest.mark.parametrize("kind", NUMBERS.values(), ids=NUMBERS)
@pytest.mark.parametrize("text", ["", "nan", "-nan", "inf", "-inf", "1e400", "-1", "0x10", "many", "9" * 400, "1,000"])
def test_what_is_no_number_in_range_is_refused_with_the_range(kind: NumberInRange[float], text: str) -> None:
    with pytest.raises(click.BadParameter, match=r"expected a (whole )?number from [0-9,]+ to [0-9,]+; found '"):
        kind.convert(text, None, None)


@pytest.mark.parametrize("kind", NUMBERS.values(), ids=NUMBERS)
def test_both_ends_of_a_range_belong_to_it(kind: NumberInRange[float]) -> None:
    assert kind.convert(str(kind.least), None, None) == kind.least
    assert kind.convert(str(kind.most), None, None) == kind.most
    for beyond in (kind.least - 1, kind.most + 1):
        with pytest.raises(click.BadParameter):
            kind.convert(str(beyond), None, None)


@given(st.text(max_size=20))
def test_any_text_is_a_finite_number_in_range_or_refused(text: str) -> None:
    for kind in NUMBERS.values():
        try:
            number = kind.convert(text, None, None)
        except click.BadParameter:
            continue
        assert math.isfinite(number)
        assert kind.least <= number <= kind.most


def test_an_empty_path_is_refused_and_does_not_mean_the_working_directory() -> None:
    with pytest.raises(click.BadParameter, match="expected a path; found an empty one"):
        PathName().convert("", None, None)
