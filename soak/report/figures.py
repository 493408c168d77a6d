"""Formats numbers for reading: amounts, rates, durations. 1 KB is 1000 bytes, as in the agent's log."""

import math

from soak.gauges.counts import CycleCounts

BYTE_UNITS = ("B", "KB", "MB", "GB", "TB", "PB")
UNKNOWN = "unknown"
NOT_KNOWN = "–"
"""The text for a figure that was not judged."""


def amount(value: float, unit: str) -> str:
    """Return a value with its unit: `4.19 MB` for bytes, `1,234 objects` for other units."""
    if unit == "bytes":
        return byte_count(value)
    return f"{number(value)} {unit}".rstrip()


def byte_count(value: float) -> str:
    """Return a number of bytes with at most three significant digits: `512 B`, `4.19 MB`."""
    if not math.isfinite(value):
        return UNKNOWN
    step = 0
    while abs(value) >= 999.5 and step < len(BYTE_UNITS) - 1:
        value, step = value / 1000, step + 1
    return f"{number(value)} {BYTE_UNITS[step]}"


def number(value: float) -> str:
    """Return a number as text: `0.021`, `48`, `12,345`.

    Below a thousand it has at most three significant digits. A larger number is rounded to a whole number, with commas.
    """
    if not math.isfinite(value):
        return UNKNOWN
    if value == 0:
        return "0"
    if abs(value) >= 999.5:
        return f"{value:,.0f}" if abs(value) < 1e15 else f"{value:.2e}"
    if abs(value) < 0.001:
        return f"{value:.1e}"
    return _short(value)


def rate(value: float, unit: str) -> str:
    """Return a growth as text with its sign and unit: `+48 B`. Without growth, return `0 B`."""
    sign = "+" if value > 0 and math.isfinite(value) else ""
    return sign + amount(value, unit)


def significant(value: float) -> float:
    """Round a projection over hours to three significant digits.

    The measured rate on which it is based is not more exact.
    """
    return float(f"{value:.3g}")


def projection(value: float, unit: str) -> str:
    """Return the projected growth in a day as text with three significant digits: `+6,360,000 objects`."""
    if not value or not math.isfinite(value):
        return rate(value, unit)
    return rate(round(value, 2 - math.floor(math.log10(abs(value)))), unit)


def duration(seconds: float) -> str:
    """Return a duration as text: `0.4 s`, `45 s`, `2 min 05 s`, `3 h 20 min`."""
    if not math.isfinite(seconds):
        return UNKNOWN
    if 0 < seconds < 9.95:
        return f"{_short(round(seconds, 1))} s"
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    minutes = round(whole / 60)
    return f"{minutes // 60:,} h {minutes % 60:02} min"


def count(amount_of: int, one: str, many: str = "") -> str:
    """Return a number with its noun: `1 cycle`, `2,400 cycles`. `one` is the noun; `many` is its plural, by default
    with an s.
    """
    return f"{amount_of:,} {one if amount_of == 1 else many or one + 's'}"


def counted(counts: CycleCounts, cycle: str = "cycle") -> str:
    """Return counts as text: `160 judged cycles, 40 warm-up cycles`. `cycle` is the noun for a cycle.

    Kinds of cycles that did not run are left out, except for judged cycles.
    """
    others = {
        "warm-up": counts.warm_up_cycles,
        "confirmation": counts.confirmation_cycles,
        "traced": counts.traced_cycles,
    }
    more = [count(number, f"{name} {cycle}") for name, number in others.items() if number]
    return ", ".join([count(counts.judged_cycles, f"judged {cycle}"), *more])


def _short(value: float) -> str:
    """Return a number as text with at most three significant digits, without trailing zeros."""
    digits = max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
