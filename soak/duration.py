"""Durations as users write them: the type of `--duration` and `--for`, and their conversion to text."""

import re

import click

_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(s|min|m|h|d)")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
MOST_SHOWN = 40
"""Most characters of an invalid value that an error message shows."""
SHORTEST = 0.1
LONGEST = 366 * 86_400


class Duration(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """A duration such as `90s`, `2m`, `1h30m`, `24h` or `7d`, converted to seconds."""

    name = "time"

    def __init__(self, longest: float = LONGEST, shortest: float = SHORTEST) -> None:
        """Create a type that accepts durations from `shortest` to `longest` seconds."""
        self.longest = longest
        self.shortest = shortest

    @property
    def range(self) -> str:
        """The accepted range in words, for help texts and errors, such as `from 1s to 30d`."""
        return f"from {duration_text(self.shortest)} to {duration_text(self.longest)}"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return a duration such as `1h30m` in seconds; a number is already in seconds and is not changed.

        Raises click.BadParameter for text that is not a duration, or a duration outside the range.
        """
        if isinstance(value, int | float):
            return float(value)
        text, shown = str(value).strip().lower(), repr(str(value)[:MOST_SHOWN])
        if _NUMBER.fullmatch(text):
            self.fail(f"expected a duration with a unit (s, m, h or d), as 90s or 1h30m; found {shown}: "
                      f"write {text[:MOST_SHOWN]}s for seconds", param, ctx)  # fmt: skip
        if not text or _PART.sub("", text).strip():
            self.fail(f"expected a duration as 90s, 2m, 1h30m or 24h; found {shown}: give a duration {self.range}",
                      param, ctx)  # fmt: skip
        seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
        if not self.shortest <= seconds <= self.longest:
            self.fail(f"expected a duration {self.range}; found {shown}", param, ctx)
        return seconds


def duration_text(seconds: float) -> str:
    """Return `seconds` as text such as `90s` or `2h`, in the largest unit in which it is a whole number.

    `Duration` converts the text back to exactly the same number.
    """
    for unit in ("d", "h", "m"):
        if seconds >= _UNITS[unit] and seconds % _UNITS[unit] == 0:
            return f"{int(seconds) // _UNITS[unit]}{unit}"
    return f"{number_text(seconds)}s"


def number_text(number: float) -> str:
    """Return a text that `float()` converts back to exactly `number`. Whole numbers have no decimal point."""
    return str(int(number)) if float(number).is_integer() else repr(float(number))
