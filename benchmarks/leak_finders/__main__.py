"""The command: measures what is not measured yet, two cells at a time, and writes the page. Owns the results' file."""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from benchmarks.leak_finders.cells import NO_LIMIT, ROOT, Cell, Measured, measure
from benchmarks.leak_finders.limits import CALIBRATION_RUNS, KINDS, hosted, kind_of, limits_of
from benchmarks.leak_finders.page import page_of
from soak.plants import Moment

EVENTS = 160
"""After a warm-up of as many; a multiple of 80, so that blocks and samples fall together."""
CLEAN_RUNS = 5
"""For each kind of event, and each finder."""


def calibrations() -> list[Cell]:
    """The clean runs that set pytest-memray's limits."""
    return [Cell("memray", "calibration", kind, number=n) for kind in KINDS for n in range(CALIBRATION_RUNS)]


def judged(limits: dict[Moment, int]) -> list[Cell]:
    """All other cells: each plant by both finders, and the clean runs; first those that may be false alarms."""
    cells = []
    for plant in hosted():
        role = "decoy" if plant.decoy else "leak"
        cells += [
            Cell("memray", role, plant.on, plant.name, limit=limits[kind_of(plant.on)]),
            Cell("rss", role, plant.on, plant.name),
        ]
    for kind in KINDS:
        cells += [Cell("memray", "clean", kind, number=n, limit=limits[kind]) for n in range(CLEAN_RUNS)]
        cells += [Cell("rss", "clean", kind, number=n) for n in range(CLEAN_RUNS)]
    return sorted(cells, key=lambda cell: ("decoy", "clean", "leak").index(cell.role))


class Results:
    """What was measured, in memory and as JSON Lines in a file; one that failed is measured again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = path.read_bytes().splitlines() if path.exists() else []
        found = (msgspec.json.decode(line, type=Measured) for line in lines)
        self.by_key = {one.key: one for one in found}

    def has(self, cell: Cell, events: int) -> bool:
        """It need not be measured: it is there, with these events and this limit."""
        one = self.by_key.get(cell.key)
        return one is not None and not one.error and (one.events, one.limit) == (events, cell.limit)

    def add(self, one: Measured) -> None:
        """Keep it."""
        self.by_key[one.key] = one
        with self._path.open("ab") as file:
            file.write(msgspec.json.encode(one) + b"\n")


async def measure_all(cells: Sequence[Cell], results: Results, jobs: int, events: int) -> None:
    """Measure what is missing, `jobs` at a time, and tell of each on standard error."""
    gate, missing, done = asyncio.Semaphore(jobs), [cell for cell in cells if not results.has(cell, events)], 0

    async def one(cell: Cell) -> None:
        nonlocal done
        async with gate:
            measured = await measure(cell, events)
        results.add(measured)
        done += 1
        click.echo(f"{done}/{len(missing)} {cell.key}: {_told(measured)}", err=True)

    async with asyncio.TaskGroup() as group:
        for cell in missing:
            group.create_task(one(cell))


def _told(one: Measured) -> str:
    if one.error:
        return f"no answer: {one.error[-200:]}"
    if one.tool == "rss":
        return f"{one.course[-1] - one.course[0]:+,} bytes, {one.seconds:.0f} s"
    limit = "no limit" if one.limit == NO_LIMIT else f"limit {one.limit:,}"
    return f"{'leak' if one.alarm else 'passed'}, {one.largest:,} bytes at {one.at} ({limit}), {one.seconds:.0f} s"


@click.command()
@click.option("--data", type=click.Path(path_type=Path), default="leak-finders.jsonl", help="where results are kept")
@click.option("--page", type=click.Path(path_type=Path), default=ROOT / "docs" / "leak-finders.md")
@click.option("--self-test", type=click.Path(exists=True, path_type=Path), help="self-test.json of `mobifai soak`")
@click.option("--join", is_flag=True, help="measure nothing, only write the page")
@click.option("--jobs", default=2, show_default=True)
@click.option("--nice", default=5, show_default=True)
def main(data: Path, page: Path, self_test: Path | None, join: bool, jobs: int, nice: int) -> None:
    """Give the plants to pytest-memray and to trends of RSS, and write the table."""
    os.nice(nice)
    results = Results(data)
    if not join:
        asyncio.run(measure_all(calibrations(), results, jobs, EVENTS))
        cells = judged(limits_of(results.by_key.values()))
        asyncio.run(measure_all(cells, results, jobs, EVENTS))
    soak: dict[str, Any] | None = msgspec.json.decode(self_test.read_bytes()) if self_test else None
    found = list(results.by_key.values())
    missing = sum(not results.has(cell, EVENTS) for cell in [*calibrations(), *judged(limits_of(found))])
    page.write_text(page_of(found, soak, data.stat().st_mtime, missing))
    click.echo(f"wrote {page}")


if __name__ == "__main__":
    sys.exit(main())
