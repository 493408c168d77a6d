"""Common statistical tests that decide whether a short series of RSS rises."""

import itertools
from collections.abc import Callable, Sequence
from math import inf, sqrt
from statistics import NormalDist, linear_regression, mean

MEBIBYTE = 1 << 20
P = 0.05
_T_CRITICAL = {8: 2.4469, 20: 2.1009}
"""Critical values of Student's t (two-sided, p = 0.05, n - 2 degrees of freedom), by n."""


def slope_rises(values: Sequence[float]) -> bool:
    """Return whether the slope of 8 or 20 values is positive with p < 0.05 (two-sided t-test)."""
    n, xs = len(values), range(len(values))
    slope, intercept = linear_regression(xs, values)
    rest = sum((y - intercept - slope * x) ** 2 for x, y in zip(xs, values, strict=True))
    spread = sum((x - mean(xs)) ** 2 for x in xs)
    error = sqrt(rest / (n - 2) / spread)
    t = slope / error if error else inf * slope if slope else 0.0
    return t > _T_CRITICAL[n]


def mann_kendall_rises(values: Sequence[float]) -> bool:
    """Return whether the Mann-Kendall test finds a rise, p < 0.05 (two-sided, normal approximation, with ties)."""
    n = len(values)
    score = sum((later > earlier) - (later < earlier) for earlier, later in itertools.combinations(values, 2))
    ties = (values.count(value) for value in set(values))
    variance = (n * (n - 1) * (2 * n + 5) - sum(t * (t - 1) * (2 * t + 5) for t in ties)) / 18
    return score > 0 and variance > 0 and (score - 1) / sqrt(variance) > NormalDist().inv_cdf(1 - P / 2)


def over_threshold(course: Sequence[float]) -> bool:
    """Return whether RSS at the end is more than 1 MiB above that after the warm-up, the first value of `course`."""
    return course[-1] - course[0] > MEBIBYTE


def blocks(course: Sequence[float], count: int) -> list[float]:
    """Divide a course into `count` equal blocks after its first value, and return the last value of each block."""
    size = (len(course) - 1) // count
    return [course[size * number] for number in range(1, count + 1)]


RULES: dict[str, Callable[[Sequence[float]], bool]] = {
    "slope, 8 blocks": lambda course: slope_rises(blocks(course, 8)),
    "slope, 20 blocks": lambda course: slope_rises(blocks(course, 20)),
    "Mann-Kendall, 8 blocks": lambda course: mann_kendall_rises(blocks(course, 8)),
    "Mann-Kendall, 20 blocks": lambda course: mann_kendall_rises(blocks(course, 20)),
    "rise > 1 MiB": over_threshold,
}
"""For each rule, a function that returns whether the rule calls a series a leak."""
