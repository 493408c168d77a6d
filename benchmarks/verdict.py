"""The error rates of soak's growth verdict on synthetic series: false alarms without a leak, misses with a leak.

    python benchmarks/verdict.py [TIMES]

Each series has the values of one gauge in one process. It is judged as in a run of soak: 8 blocks of 20 cycles after a
warm-up of 40 cycles. If they are suspicious, 8 blocks of 60 cycles in another process are judged after a warm-up of 120
cycles. The seeds are fixed.
"""

import sys
from collections.abc import Callable, Sequence
from math import exp
from random import Random
from statistics import median

from soak.gauges.gauge import GAUGES, Gauge
from soak.gauges.trend import Judgement, convicted, judge

HEAP, BLOCKS, TYPES, TASKS = (GAUGES[name] for name in ("heap.bytes", "python.blocks", "types", "tasks"))
WARM_UP, BLOCK, TIMES_LONGER = 40, 20, 3

SeriesGenerator = Callable[[Random, Sequence[int]], list[float]]
"""A function that returns the values of a gauge in a new process after the given numbers of cycles."""


def wobble(size: float) -> SeriesGenerator:
    """Return a generator of independent values with a normal distribution; `size` is its standard deviation."""
    return lambda random, cycles: [random.gauss(0, size) for _ in cycles]


def jitter(most: int) -> SeriesGenerator:
    """Return a generator of random numbers of objects, from 0 to `most`, as of objects that exist for a moment."""
    return lambda random, cycles: [random.randint(0, most) for _ in cycles]


def walk(size: float) -> SeriesGenerator:
    """Return a generator of random walks; `size` is the standard deviation of the steps."""

    def course(random: Random, cycles: Sequence[int]) -> list[float]:
        at = 0.0
        return [at := at + random.gauss(0, size) for _ in cycles]

    return course


def bursts(size: float) -> SeriesGenerator:
    """Return a generator of series in which one value in five, at random, is above 0, by up to `size`."""
    return lambda random, cycles: [size * random.random() * (random.random() < 0.2) for _ in cycles]


def steps(count: int, size: float) -> SeriesGenerator:
    """Return a generator of series that rise by `size` at `count` random moments of the first 500 cycles."""

    def course(random: Random, cycles: Sequence[int]) -> list[float]:
        at = [random.uniform(0, 500) for _ in range(count)]
        return [size * sum(cycle > when for when in at) for cycle in cycles]

    return course


def filling(size: float, most: int) -> SeriesGenerator:
    """Return a generator of the sizes of a cache that gains an entry of `size` in each cycle until it is full.

    It is full after a random number of cycles, at most `most`.
    """

    def course(random: Random, cycles: Sequence[int]) -> list[float]:
        full = random.randint(1, most)
        return [size * min(cycle, full) for cycle in cycles]

    return course


def settling(size: float, most: int) -> SeriesGenerator:
    """Return a generator of the sizes of a cache of random keys, which fills more and more slowly.

    It has at most `most` entries of `size`.
    """

    def course(random: Random, cycles: Sequence[int]) -> list[float]:
        keys = random.randint(1, most)
        return [round(keys * (1 - exp(-cycle / keys))) * size for cycle in cycles]

    return course


def sawtooth(size: float) -> SeriesGenerator:
    """Return a generator of series that rise by `size` in every cycle, and fall back to 0 every 45 to 400 cycles."""

    def course(random: Random, cycles: Sequence[int]) -> list[float]:
        period, phase = random.randint(45, 400), random.randint(0, 1000)
        return [size * ((cycle + phase) % period) for cycle in cycles]

    return course


def leak(size: float, every: float = 1) -> SeriesGenerator:
    """Return a generator of the totals of a leak of `size` that occurs regularly, once in `every` cycles."""
    return lambda _, cycles: [size * (cycle // every) for cycle in cycles]


def rare(size: float, every: int) -> SeriesGenerator:
    """Return a generator of the totals of a leak of `size` that occurs at random, on average once in `every` cycles."""

    def course(random: Random, cycles: Sequence[int]) -> list[float]:
        hits = [random.random() * every < 1 for _ in range(max(cycles))]
        return [size * sum(hits[:cycle]) for cycle in cycles]

    return course


def table(size: float) -> SeriesGenerator:
    """Return a generator of the sizes of a dictionary that gains an entry in each cycle.

    The dictionary's table doubles when it is full. `size` is the size of one place in the table.
    """
    return lambda _, cycles: [size * 2.0 ** (cycle * 3 // 2).bit_length() for cycle in cycles]


def both(*courses: SeriesGenerator) -> SeriesGenerator:
    """Return a generator of series whose values are the sums of the values of several series."""
    return lambda random, cycles: [sum(at) for at in zip(*(course(random, cycles) for course in courses), strict=True)]


CLEAN: Sequence[tuple[str, Gauge, SeriesGenerator]] = (
    ("bytes, wobble of 100", HEAP, wobble(100)),
    ("bytes, wobble of 300", HEAP, wobble(300)),
    ("bytes, wobble of 1000", HEAP, wobble(1000)),
    ("bytes, walk by 300", HEAP, walk(300)),
    ("bytes, walk by 1000", HEAP, walk(1000)),
    ("bytes, bursts to 8000", HEAP, both(wobble(100), bursts(8000))),
    ("bytes, 1 step of 5000", HEAP, both(wobble(150), steps(1, 5000))),
    ("bytes, 3 steps of 3000", HEAP, both(wobble(150), steps(3, 3000))),
    ("bytes, 6 steps of 1000", HEAP, both(wobble(150), steps(6, 1000))),
    ("bytes, cache of 64 a cycle to 300", HEAP, both(wobble(150), filling(64, 300))),
    ("bytes, settling, to 300 keys", HEAP, both(wobble(150), settling(64, 300))),
    ("bytes, sawtooth", HEAP, both(wobble(150), sawtooth(64))),
    ("objects, jitter of 3", TYPES, jitter(3)),
    ("objects, jitter of 20", BLOCKS, jitter(20)),
    ("objects, walk by 4", BLOCKS, walk(4)),
    ("objects, 6 steps of 3", BLOCKS, steps(6, 3)),
    ("objects, cache of 1 a cycle to 300", TYPES, filling(1, 300)),
    ("objects, settling, to 300 keys", TYPES, settling(1, 300)),
    ("objects, sawtooth", TYPES, sawtooth(1)),
    ("count, 1 step", TASKS, steps(1, 1)),
    ("count, 3 steps", TASKS, steps(3, 1)),
    ("count, bursts", TASKS, bursts(3)),
)

LEAKS: Sequence[tuple[str, Gauge, SeriesGenerator]] = (
    ("16 bytes, wobble of 0", HEAP, leak(16)),
    ("16 bytes, wobble of 100", HEAP, both(wobble(100), leak(16))),
    ("16 bytes, wobble of 200", HEAP, both(wobble(200), leak(16))),
    ("16 bytes, wobble of 300", HEAP, both(wobble(300), leak(16))),
    ("16 bytes, wobble, 1 step of 3000", HEAP, both(wobble(100), leak(16), steps(1, 3000))),
    ("32 bytes, wobble of 300", HEAP, both(wobble(300), leak(32))),
    ("64 bytes, wobble, bursts to 1000", HEAP, both(wobble(100), leak(64), bursts(1000))),
    ("100 bytes and a table", HEAP, both(wobble(100), leak(100), table(40))),
    ("0.2 objects", TYPES, leak(1, 5)),
    ("0.2 objects, jitter of 1", TYPES, both(leak(1, 5), jitter(1))),
    ("0.2 objects, jitter of 3", BLOCKS, both(leak(1, 5), jitter(3))),
    ("0.2 objects, 1 step of 10", TYPES, both(leak(1, 5), steps(1, 10))),
    ("1 object in 20, one a block", TYPES, leak(1, 20)),
    ("3 objects in 20, one a block", BLOCKS, leak(3, 20)),
    ("1 object in 7 by chance", TYPES, rare(1, 7)),
    ("1 count in 20, one a block", TASKS, leak(1, 20)),
    ("1 count in 60, by chance", TASKS, rare(1, 60)),
)


NOISES: Sequence[tuple[str, Gauge, SeriesGenerator]] = (
    *((f"bytes, wobble of {size}", HEAP, wobble(size)) for size in (0, 100, 200, 300, 1000)),
    *((f"objects, jitter of {most}", BLOCKS, jitter(most)) for most in (1, 3, 20)),
)


def judged(course: SeriesGenerator, gauge: Gauge, random: Random, start: int, block: int) -> Judgement:
    """Generate the series of a new process, and judge 8 blocks of `block` cycles after `start` cycles of warm-up."""
    cycles = [start + block * number for number in range(9)]
    return judge(list(zip(cycles, course(random, cycles), strict=True)), gauge)


def run(course: SeriesGenerator, gauge: Gauge, number: int) -> tuple[bool, bool]:
    """Return whether a series is suspicious at first, and whether a second run then confirms it as a leak.

    `number` is the seed.
    """
    random = Random(number)  # noqa: S311 - the same every time
    first = judged(course, gauge, random, WARM_UP, BLOCK)
    if not first.suspicious:
        return False, False
    again = judged(course, gauge, random, TIMES_LONGER * WARM_UP, TIMES_LONGER * BLOCK)
    return True, convicted(first, again)


def smallest(noise: SeriesGenerator, gauge: Gauge, number: int) -> tuple[float, bool]:
    """Return the smallest leak that a clean run says it would detect, and whether a leak of that size is confirmed.

    To test this, such a leak is added to the same kind of noise and judged as in a run of soak. `number` is the seed.
    """
    said = judged(noise, gauge, Random(number), WARM_UP, BLOCK).smallest_leak  # noqa: S311 - the same every time
    return said, run(both(noise, leak(said)), gauge, -number - 1)[1]


def main(times: int) -> None:
    """Judge each series `times` times, and print a row for each with the shares of suspicions and of convictions."""
    for title, courses in (("clean: false alarms", CLEAN), ("leaks: found", LEAKS)):
        print(f"{title:<40}{'suspicious %':>14}{'convicted %':>14}   of {times:,}")
        for name, gauge, course in courses:
            outcomes = [run(course, gauge, number) for number in range(times)]
            shares = [100 * sum(outcome[part] for outcome in outcomes) / times for part in (0, 1)]
            print(f"  {name:<38}{shares[0]:>14.2f}{shares[1]:>14.2f}")
    print(f"{'the smallest leak, as stated':<40}{'median':>14}{'convicted %':>14}   of {times:,}")
    for name, gauge, noise in NOISES:
        said = [smallest(noise, gauge, number) for number in range(times)]
        share = 100 * sum(found for _, found in said) / times
        print(f"  {name:<38}{median(leak for leak, _ in said):>14.2f}{share:>14.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3000)
