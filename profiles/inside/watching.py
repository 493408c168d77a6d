"""Examines this agent while it is in use: the control request `profile.watch` of `mobifai profile attach`.

The examination has several windows of equal length. The end of each window is reported to the command, and the findings
after the last.

The examination ends when its time is over, on request, when tracing takes too much memory, when the command
disconnects, and after any error. In each case the tracing is removed completely.
"""

import asyncio
import gc
import sys
import time
from collections.abc import AsyncGenerator
from typing import Any, Final

from mobifai.control.debug_plugins import PluginContext
from mobifai.control.server import StreamingHandler
from mobifai.errors import StateError
from mobifai.health.process_stats import descriptor_kinds, heap_in_use
from profiles.attribution.growth import largest, risen_containers, risen_sites
from profiles.inside.early_stop import EarlyStop
from profiles.inside.tracing import MOST_EXAMINED, AllocationTracer, traced_bytes
from profiles.windows import LONGEST_LOOK
from soak.inside.count import count

MOST_TRACED: Final = 64 << 20
"""Most bytes of memory that the traces may occupy. Beyond that, the examination ends with an error."""
LOOK_SECONDS: Final = 0.25
"""Interval, in seconds, at which the memory of the traces is checked."""
PULSE_SECONDS: Final = 0.01
FEWEST_WINDOWS: Final = 5
MOST_WINDOWS: Final = 60


def watch_handler(tracing: AllocationTracer, subject: PluginContext, early: EarlyStop) -> StreamingHandler:
    """Return the handler of the control request `profile.watch {seconds, windows, run}`.

    The handler yields an event for the base and for each window, then one with the findings, and one with the overhead.
    The findings have the values of each window. There are none if the examination is ended early, before the end of
    window number `FEWEST_WINDOWS`.
    """

    async def watch(arguments: dict[str, Any]) -> AsyncGenerator[object, None]:
        seconds, windows = _parse(arguments)
        before, began = _amounts(), time.monotonic()
        tracing.begin()
        pauses = LoopLagMeter()
        try:
            counts: list[dict[str, float]] = []  # bounded by the windows
            with early.of(arguments) as enough:
                for number in range(windows + 1):
                    await _wait(began + seconds * number / windows, enough)
                    if enough.is_set():
                        break
                    gc.collect()
                    await tracing.window()
                    counts.append(_counts(subject))
                    yield {"window": number, "of": windows, "traced_bytes": traced_bytes()}
            if len(counts) > FEWEST_WINDOWS:
                yield {"found": await _found(tracing, counts)}
            peak = tracing.peak_bytes
        finally:
            pauses.stop()
            tracing.end()
        gc.collect()
        left = {name: value - before[name] for name, value in _amounts().items()}
        taken = max(0, len(counts) - 1)
        yield {"overhead": {"peak_bytes": peak, "longest_pause_s": pauses.longest, "windows": taken, **left}}

    return watch


class LoopLagMeter:
    """Measures the longest delay of the event loop, from the creation of this object until `stop`.

    `longest` is the longest time, in seconds, by which the loop called a scheduled callback too late.
    """

    def __init__(self) -> None:
        self.longest = 0.0
        self._loop = asyncio.get_running_loop()
        self._due = self._loop.time()
        self._timer = self._loop.call_soon(self._called)

    def _called(self) -> None:
        now = self._loop.time()
        self.longest = max(self.longest, now - self._due)
        self._due = now + PULSE_SECONDS
        self._timer = self._loop.call_at(self._due, self._called)

    def stop(self) -> None:
        """Stop measuring. Idempotent."""
        self._timer.cancel()


def _parse(arguments: dict[str, Any]) -> tuple[float, int]:
    seconds, windows = float(arguments.get("seconds", 60)), int(arguments.get("windows", 8))
    if not (0 < seconds <= LONGEST_LOOK and FEWEST_WINDOWS <= windows <= MOST_WINDOWS):
        raise StateError(
            f"expected an examination of at most {LONGEST_LOOK:g} s in {FEWEST_WINDOWS} to {MOST_WINDOWS} windows; "
            f"found {seconds:g} s and {windows} windows"
        )
    return seconds, windows


async def _wait(until: float, enough: asyncio.Event) -> None:
    """Wait until the time `until` (of `time.monotonic`), or until `enough` is set because an early end is requested.

    Raises StateError if the traces take too much memory.
    """
    while True:
        if (traced := traced_bytes()) > MOST_TRACED:
            raise StateError(
                f"tracing took {traced / 1e6:.0f} MB, more than its limit of {MOST_TRACED / 1e6:.0f} MB, and was "
                "stopped; choose a shorter --for"
            )
        if (left := until - time.monotonic()) <= 0 or enough.is_set():
            return
        await asyncio.sleep(min(LOOK_SECONDS, left))


async def _found(tracing: AllocationTracer, counts: list[dict[str, float]]) -> dict[str, Any]:
    """Return the findings of an examination as a dictionary.

    `sites` and `containers` are the histories of those that rise steadily, and `examined` is what
    `AllocationTracer.examine` returned for the largest of them. `counts` is the argument: for each window, the counts
    that must not rise.
    """
    histories, cycles = tracing.histories(), [*range(len(counts))]
    sites, containers = risen_sites(cycles, histories["sites"]), risen_containers(cycles, histories["containers"])
    examined = await tracing.examine(largest(sites, MOST_EXAMINED), largest(containers, MOST_EXAMINED), [])
    return {
        "sites": [row for row in histories["sites"] if row["id"] in sites],
        "containers": [row for row in histories["containers"] if row["id"] in containers],
        "examined": examined,
        "counts": counts,
    }


def _counts(subject: PluginContext) -> dict[str, float]:
    """Return the agent's counts by name, such as those of tasks and descriptors, that must not rise steadily."""
    kept = ("tasks", "threads", "handlers", "listeners", "instances", "garbage", "frozen")
    values = count(subject.ledger, disturb=False)
    found = {name: value for name, value in values.items() if name.partition(":")[0] in kept}
    return {**found, **{f"descriptors:agent {kind}": value for kind, value in descriptor_kinds().items()}}


def _amounts() -> dict[str, int]:
    return {"left_objects": sys.getallocatedblocks(), "left_bytes": heap_in_use() or 0}
