"""Searches for leaks as a developer would with tracemalloc: by the memory of each line of code, from block to block.

The agent, with or without a plant, runs in this process. `python -m benchmarks.bench.traced_host MOMENT PLANT FOLDER`
prints a `TracemallocResult` as JSON. It does not judge the result.
"""

import gc
import sys
import tracemalloc
from itertools import pairwise
from pathlib import Path

import msgspec

from benchmarks.leak_finders.host import SHORT_REST_SECONDS, HostedAgent

WARM_UP, BLOCKS, EVENTS = 160, 8, 20

IGNORED = [tracemalloc.Filter(False, file) for file in (tracemalloc.__file__, __file__)]
"""Allocations of the measuring code, which are ignored."""

BytesByLine = dict[tuple[str, int], int]


class TracemallocResult(msgspec.Struct, frozen=True):
    """The growth of the memory that each line of code has allocated.

    `most` is the largest growth of a line in bytes. `rising` has the lines (`FILE:LINE`) that grew in every block.
    """

    most: int
    rising: list[str]


def run_traced(moment: str, plant: str, folder: Path) -> TracemallocResult:
    """Cause the events of `moment` in an agent with `plant`, take a snapshot after each block, and compare them."""
    with HostedAgent(moment, plant, folder) as hosted:
        hosted.drive(WARM_UP)
        hosted.rest(SHORT_REST_SECONDS)
        tracemalloc.start(1)
        looks = []
        for _ in range(BLOCKS + 1):
            hosted.drive(EVENTS)
            hosted.rest(SHORT_REST_SECONDS)
            looks.append(_look())
        tracemalloc.stop()
    return compared(looks)


def compared(looks: list[BytesByLine]) -> TracemallocResult:
    """Return the result from the snapshots `looks`, one for each block, in order.

    `most` is the growth from the first to the last snapshot. A line is in `rising` if each snapshot has more bytes of
    that line than the snapshot before.
    """
    lines = {line for look in looks for line in look}
    courses = {line: [look.get(line, 0) for look in looks] for line in lines}
    rising = [line for line, course in courses.items() if all(b > a for a, b in pairwise(course))]
    most = max((course[-1] - course[0] for course in courses.values()), default=0)
    return TracemallocResult(most, sorted(f"{file}:{number}" for file, number in rising))


def _look() -> BytesByLine:
    gc.collect()
    snapshot = tracemalloc.take_snapshot().filter_traces(IGNORED)
    return {(one.traceback[0].filename, one.traceback[0].lineno): one.size for one in snapshot.statistics("lineno")}


if __name__ == "__main__":
    print(msgspec.json.encode(run_traced(sys.argv[1], sys.argv[2], Path(sys.argv[3]))).decode(), flush=True)
