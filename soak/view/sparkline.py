"""A sparkline in one line of text."""

import math
from collections.abc import Sequence
from itertools import pairwise

BLOCKS = "▁▂▃▄▅▆▇█"
ASCII_BLOCKS = "._-=+*#@"


def sparkline(values: Sequence[float], width: int, blocks: str = BLOCKS) -> str:
    """Return at most `width` characters, newest last. A character that stands for several values shows the largest."""
    known = [value for value in values if math.isfinite(value)]
    if not known or width < 1:
        return ""
    shown = known if len(known) <= width else [max(part) for part in _parts(known, width)]
    low, high = min(known), max(known)
    if high == low:
        return blocks[0] * len(shown)
    top = len(blocks) - 1
    shares = [(value / 2 - low / 2) / (high / 2 - low / 2) for value in shown]  # halves: the difference may overflow
    return "".join(blocks[min(top, max(0, round(share * top)))] for share in shares)


def _parts(values: Sequence[float], number: int) -> list[Sequence[float]]:
    edges = [len(values) * i // number for i in range(number + 1)]
    return [values[start:end] for start, end in pairwise(edges)]
