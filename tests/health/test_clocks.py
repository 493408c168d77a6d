"""Any time of a clock can be shown, and durations do not depend on it."""

import logging
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobifai.clocks import elapsed, iso_time, local_datetime, utc_datetime
from mobifai.logs.formatting import LogLine, format_as_json, format_for_file, format_for_terminal

ODD = [0.0, -1.0, 2.0**31, 2.0**32, -(2.0**40), 1e12, 1e300, -1e300, math.inf, -math.inf, math.nan]


@given(st.floats() | st.sampled_from(ODD))
def test_every_number_of_seconds_is_some_date(seconds: float) -> None:
    assert 1 <= utc_datetime(seconds).year <= 9999
    assert iso_time(seconds).endswith("Z")
    local_datetime(seconds)


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Niue", "Nowhere/AtAll"])
@pytest.mark.parametrize("seconds", ODD)
def test_every_time_can_be_logged(monkeypatch: pytest.MonkeyPatch, zone: str, seconds: float) -> None:
    monkeypatch.setenv("TZ", zone)
    line = LogLine(seconds, logging.INFO, "mobifai", "a message")
    for text in (format_for_terminal(line, False), format_for_file(line), format_as_json(line)):
        assert "a message" in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "1970-01-01T00:00:00Z"), (1_800_000_000.9, "2027-01-15T08:00:00Z"), (2.0**32, "2106-02-07T06:28:16Z")],
)
def test_a_time_is_shown_in_utc_to_the_second(seconds: float, text: str) -> None:
    assert iso_time(seconds) == text


def test_durations_never_go_back() -> None:
    times = [elapsed() for _ in range(1000)]
    assert times == sorted(times)
