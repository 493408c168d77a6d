"""The look into an agent that is used: windows for so many seconds, told as they come, then what was found.

Owns nothing after its end. It ends with its time, when it is told to, when tracing has taken too much memory, when the
command that asked hangs up, and with any error; each way takes all of it off.
"""

import asyncio
import gc
import sys
import time
from collections.abc import AsyncGenerator
from typing import Any, Final

from mobifai.control.control_socket import StreamingHandler
from mobifai.control.debug_plugins import PluginContext
from mobifai.errors import StateError
from mobifai.health.process_stats import descriptor_kinds, heap_in_use
from profiles.attribution.growth import largest, risen_containers, risen_sites
from profiles.inside.early_stop import EarlyStop
from profiles.inside.tracing import MOST_EXAMINED, AllocationTracer, traced_bytes
from profiles.windows import LONGEST_LOOK
from soak.inside.count import count

MOST_TRACED: Final = 64 << 20
"""Bytes that tracing may take; then it ends by itself."""
LOOK_SECONDS: Final = 0.25
"""How often its memory is looked at."""
PULSE_SECONDS: Final = 0.01
FEWEST_WINDOWS: Final = 5
MOST_WINDOWS: Final = 60


def watch_handler(tracing: AllocationTracer, subject: PluginContext, early: EarlyStop) -> StreamingHandler:
    """The question `profile.watch {seconds, windows, run}`: an event for each window, what was found, what it cost.

    A window counts as a cycle. One that is told to end says what it found, if that were enough windows.
    """

    async def watch(arguments: dict[str, Any]) -> AsyncGenerator[object, None]:
        seconds, windows = _wanted(arguments)
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
    """The longest time for which the event loop could not call what was due. It measures until `stop`."""

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
        """End it. Twice changes nothing."""
        self._timer.cancel()


def _wanted(arguments: dict[str, Any]) -> tuple[float, int]:
    seconds, windows = float(arguments.get("seconds", 60)), int(arguments.get("windows", 8))
    if not (0 < seconds <= LONGEST_LOOK and FEWEST_WINDOWS <= windows <= MOST_WINDOWS):
        raise StateError(
            f"expected at most {LONGEST_LOOK:g} s and {FEWEST_WINDOWS} to {MOST_WINDOWS} windows; "
            f"found {seconds:g} s and {windows} windows"
        )
    return seconds, windows


async def _wait(until: float, enough: asyncio.Event) -> None:
    """Wait for the next window, or for the end. Raises StateError when tracing takes too much memory meanwhile."""
    while True:
        if (traced := traced_bytes()) > MOST_TRACED:
            raise StateError(
                f"tracing had taken {traced / 1e6:.0f} MB, more than the {MOST_TRACED / 1e6:.0f} MB that it may, and "
                "was taken off; look for a shorter time"
            )
        if (left := until - time.monotonic()) <= 0 or enough.is_set():
            return
        await asyncio.sleep(min(LOOK_SECONDS, left))


async def _found(tracing: AllocationTracer, counts: list[dict[str, float]]) -> dict[str, Any]:
    """What rises, and what there is to say of it."""
    told, cycles = tracing.courses(), [*range(len(counts))]
    sites, containers = risen_sites(cycles, told["sites"]), risen_containers(cycles, told["containers"])
    examined = await tracing.examine(largest(sites, MOST_EXAMINED), largest(containers, MOST_EXAMINED), [])
    return {
        "sites": [row for row in told["sites"] if row["id"] in sites],
        "containers": [row for row in told["containers"] if row["id"] in containers],
        "examined": examined,
        "counts": counts,
    }


def _counts(subject: PluginContext) -> dict[str, float]:
    """What must not rise, whoever is there."""
    kept = ("tasks", "threads", "handlers", "listeners", "instances", "garbage", "frozen")
    values = count(subject.ledger, disturb=False)
    found = {name: value for name, value in values.items() if name.partition(":")[0] in kept}
    return {**found, **{f"descriptors:agent {kind}": value for kind, value in descriptor_kinds().items()}}


def _amounts() -> dict[str, int]:
    return {"left_objects": sys.getallocatedblocks(), "left_bytes": heap_in_use() or 0}
