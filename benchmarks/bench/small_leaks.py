"""Tests tracemalloc with the smallest planted leaks and with clean runs. Owns the processes that it starts."""

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from benchmarks.bench.packages import ROOT
from benchmarks.bench.results import BenchCell, BenchResults
from benchmarks.bench.traced_host import TracemallocResult
from benchmarks.leak_finders.host import NO_PLANT
from soak.plants import plant

SMALLEST = ("one-in-five", "bytes-only", "text-only", "pty-master-left-open", "sixteen-native-bytes")
"""The plants that leak least: 0.2 objects, one object, or 16 bytes for each event."""

DIFFERENCE, RISING = "tracemalloc, a line with 1 KB more", "tracemalloc, a line that rises in 8 of 8 blocks"
LEAST_DIFFERENCE = 1024
CLEAN = "clean"
CLEAN_RUNS = 2
"""Number of clean runs with the kind of event of each plant."""
RUN_SECONDS = 300.0


def found_row(name: str) -> str:
    """Return the name of the row that says whether a leak was reported in the run `name`."""
    return f"found:{name}"


def runs(clean_runs: int) -> Iterator[tuple[str, str, str]]:
    """Yield (moment, plant, name) for each run: one with each of the smallest plants, and `clean_runs` without it."""
    for name in SMALLEST:
        yield plant(name).on, name, name
        for number in range(clean_runs):
            yield plant(name).on, NO_PLANT, f"{CLEAN} {number} beside {name}"


async def give_to_tracemalloc(folder: Path, results: BenchResults, clean_runs: int = CLEAN_RUNS) -> None:
    """Run those of the `runs` that are not in `results`, and add their figures, or the reason if a run fails."""
    for number, (moment, planted, name) in enumerate(runs(clean_runs)):
        if results.has((1, RISING, found_row(name))):
            continue
        clock = asyncio.get_running_loop().time
        began, reason, traced = clock(), "", None
        try:
            traced = await _traced(moment, planted, folder / f"traced-{number}")
        except (OSError, ValueError, TimeoutError) as error:
            reason = f"{type(error).__name__}: {error}"[:240]
        alarms = {DIFFERENCE: traced.most >= LEAST_DIFFERENCE, RISING: bool(traced.rising)} if traced else {}
        for finder in (DIFFERENCE, RISING):
            value = float(alarms[finder]) if alarms else None
            results.add(BenchCell(1, finder, found_row(name), value, reason))
            results.add(BenchCell(1, finder, f"seconds:{name}", clock() - began))
        click.echo(f"tracemalloc  {name}: {traced or reason}", err=True)


async def _traced(moment: str, planted: str, folder: Path) -> TracemallocResult:
    (folder / "tmp").mkdir(parents=True)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.bench.traced_host", moment, planted, str(folder / "host")),
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder / "tmp")},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(RUN_SECONDS):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise ValueError(f"the run ended with {process.returncode}: {err.decode(errors='replace')[-200:]}")
    return msgspec.json.decode(out.splitlines()[-1], type=TracemallocResult)
