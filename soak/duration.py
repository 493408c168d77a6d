"""Lengths of time as people write them."""

import re

import click

_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(s|min|m|h|d)")
LONGEST = 366 * 86_400


class Duration(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """`90s`, `2m`, `1h30m`, `24h`, `7d`: seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds. Fails with what was expected."""
        if isinstance(value, int | float):
            return float(value)
        text = str(value).strip().lower()
        seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
        if _PART.sub("", text).strip() or not 0 < seconds <= LONGEST:
            self.fail(f"expected a length of time as 90s, 2m, 1h30m or 24h; found {value!r}", param, ctx)
        return seconds
