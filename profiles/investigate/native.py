"""Finds the lines that keep memory of the C heap. memray traces a fresh agent during three windows.

The windows have one, two and four blocks of cycles. After each, a leak leaves memory in proportion to the cycles.
Memory that is replaced now and then leaves as much after a long window as after a short one. Owns the agent. A separate
process reads memray's files (`python -m profiles.investigate.native FILE`).
"""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from mobifai.errors import StateError
from profiles.attribution.frames import Frame, is_profiler_stack, responsible_frame
from profiles.attribution.growth import BYTES
from profiles.evidence import NativeAllocation, stack_of
from profiles.investigate.capture import WARM_UP_BLOCKS
from profiles.progress import ProgressCallback
from profiles.results import ProfileError
from soak.gauges.gauge import AGENT
from soak.harness.child_environment import helper_environment, module_command
from soak.harness.helper_process import HelperTimeout, run_helper
from soak.harness.installation import HERE, Installation
from soak.run.plan import SoakPlan
from soak.run.scenario_run import open_scenario_run

LENGTHS: Final = (1, 2, 4)
"""The number of blocks in each of the three windows."""
READ_SECONDS: Final = 120.0
MOST_FRAMES: Final = 24
NEAR: Final = 0.4
"""Largest relative deviation (0.4 is 40 %) from proportionality to the cycles that a window may have."""
MOST_FUNCTIONS: Final = 6


@dataclass(frozen=True)
class NativeWindow:
    """A window in which memray traced: its number of cycles, and the allocations not freed at its end (`rows_of`)."""

    cycles: int
    rows: Sequence[Mapping[str, Any]]


@dataclass
class NativeGrowth:
    """The lines whose memory of the C heap is not freed (`rows`), or why they could not be measured (`notes`)."""

    rows: list[NativeAllocation] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


async def native_growth(
    scenario: str,
    plan: SoakPlan,
    folder: Path,
    report_progress: ProgressCallback,
    installation: Installation = HERE,
    process: str = AGENT,
) -> NativeGrowth:
    """Run a scenario with a fresh agent, trace one process with memray, and return the lines that keep C memory.

    If memray can't trace the process, the result has the reason. Raises TargetFailed, StateError, ProfileError, and the
    exceptions of the scenario's cycles.
    """
    async with open_scenario_run(scenario, plan, folder, time.monotonic, installation=installation) as run:
        await run.warm_up(report_progress, WARM_UP_BLOCKS)
        windows = []
        for blocks in LENGTHS:
            file = folder / f"window-{blocks}.bin"
            report_progress(f"memray window of {blocks} blocks")
            try:
                cycles = await run.traced_blocks(file, blocks, report_progress, native=True, process=process)
            except StateError as error:
                return NativeGrowth(notes=[f"memray could not trace it: {error}"])
            windows.append(NativeWindow(cycles, await read(file)))
            file.unlink(missing_ok=True)
    return NativeGrowth(in_proportion(windows))


def in_proportion(windows: Sequence[NativeWindow]) -> list[NativeAllocation]:
    """Return the lines that keep memory in proportion to the cycles of the windows, those with most bytes first."""
    rows = [{stack_of([row["line"]]): row for row in window.rows} for window in windows]
    cycles = [window.cycles for window in windows]
    longest = rows[-1]
    found = [_native([window.get(line) for window in rows], cycles) for line in longest]
    return sorted((one for one in found if one is not None), key=lambda one: -one.bytes)


def _native(rows: Sequence[Mapping[str, Any] | None], cycles: Sequence[int]) -> NativeAllocation | None:
    kept = [int(row["bytes"]) if row else 0 for row in rows]
    size, blocks = _rate(kept, cycles), _rate([int(row["blocks"]) if row else 0 for row in rows], cycles)
    near = all(abs(one - size * length) <= NEAR * size * length for one, length in zip(kept, cycles, strict=True))
    last = rows[-1]
    if last is None or not near or size < BYTES.per_cycle:
        return None
    return NativeAllocation(stack_of(last["stack"]), blocks, size, list(last["functions"]))


def _rate(values: Sequence[float], cycles: Sequence[int]) -> float:
    """Return the growth of `values` per cycle: the slope of the best-fitting line through zero."""
    products = sum(length * value for length, value in zip(cycles, values, strict=True))
    return products / max(1, sum(length * length for length in cycles))


async def read(file: Path) -> list[dict[str, Any]]:
    """Run `rows_of` in a separate process on the file that memray wrote, and return its rows. Raises ProfileError."""
    command = module_command("profiles.investigate.native", str(file))
    environment, folder = helper_environment(file.parent), file.parent
    try:
        result = await run_helper(command, environment=environment, folder=folder, timeout=READ_SECONDS)
    except HelperTimeout:
        raise ProfileError(
            f"expected memray to read the recording of a window within {READ_SECONDS:g} s; "
            "it took longer: try again on an idle machine"
        ) from None
    if result.status:
        raise ProfileError(
            f"memray's recording of the allocations can't be read: {result.last_words}; run the command again, or with "
            "--no-memray"
        )
    return list(json.loads(result.output))


def rows_of(file: Path) -> list[dict[str, Any]]:
    """Read the file that memray wrote in a window, and return a row for each line whose memory was not freed.

    A row has the responsible `line` as (file, line number), its unfreed `bytes` and `blocks`, the `stack` that
    allocated most of them, and the C `functions` that this stack called. Raises the exceptions of memray.
    """
    from memray import FileReader  # noqa: PLC0415 - heavy

    rows: dict[Frame, dict[str, Any]] = {}  # bounded by the lines of the program
    with FileReader(str(file)) as reader:
        native = reader.metadata.has_native_traces
        for record in reader.get_leaked_allocation_records(merge_threads=True):
            python = record.stack_trace(max_stacks=MOST_FRAMES)
            stack = tuple((source, line) for _, source, line in python)
            if is_profiler_stack(stack):
                continue
            row = rows.setdefault(
                responsible_frame(stack), {"line": responsible_frame(stack), "bytes": 0, "blocks": 0, "most": 0}
            )
            row["bytes"] += record.size
            row["blocks"] += record.n_allocations
            if record.size > row["most"]:
                hybrid = record.hybrid_stack_trace(max_stacks=MOST_FRAMES) if native else ()
                below = [name for name, source, line in hybrid if (source, line) not in stack]
                row.update(most=record.size, stack=stack, functions=below[:MOST_FUNCTIONS])
    return [row for row in rows.values() if row["most"]]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(rows_of(Path(sys.argv[1]))))
