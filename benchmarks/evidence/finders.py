"""Tests other leak finders than soak with the plants: each cell of their table is a unit.

Every answer of a finder counts as a right result of the unit, because the finder is not the product.
"""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import msgspec

from benchmarks.evidence.units import EvidenceKind, ResultsByUnit, RunResult, UnitOutcome
from benchmarks.leak_finders.cells import NO_LIMIT, CellResult, FinderCell, measure
from benchmarks.leak_finders.host import NO_PLANT
from benchmarks.leak_finders.limits import AllocationFilter, distinct, kind_of, limits_of, slim
from benchmarks.leak_finders.plan import EVENTS, calibrations, judged
from soak.plants import plant

USUAL_SECONDS = {"memray": 30.0, "rss": 18.0}
VERSIONS = ("pytest", "pytest-memray", "memray", "psutil")


def _units() -> Sequence[str]:
    return [cell.key for cell in [*calibrations(), *judged()]]


def _ready(unit: str, known: ResultsByUnit) -> bool:
    """Return whether a unit can run yet. A run of memray with a limit needs the clean runs that calibrate the limit."""
    judged_by_memray = unit.startswith("memray") and not unit.startswith("memray calibration")
    return not judged_by_memray or all(cell.key in known and known[cell.key].final for cell in calibrations())


async def _run(unit: str, folder: Path, known: ResultsByUnit) -> RunResult:
    del folder  # a cell has its own folder
    earlier = measured(known)
    cells = [*calibrations(), *judged(limits_of(earlier))]
    cell = next(cell for cell in cells if cell.key == unit)
    one = await measure(cell, EVENTS)
    if one.error:
        return RunResult(UnitOutcome.FAILED, one.error[-300:])
    filtered = AllocationFilter.by(kind_of(cell.moment), earlier).places
    kept = distinct(one) if cell.role == "calibration" else slim(one, filtered)
    versions = {name: version(name) for name in VERSIONS}
    detail = {"cell": msgspec.to_builtins(kept), "family": _family(cell), "versions": versions}
    return RunResult(UnitOutcome.RIGHT, _said(one), detail)


def measured(known: ResultsByUnit) -> list[CellResult]:
    """Return the results of those cells that have one. Failed cells are left out."""
    return [
        msgspec.convert(one.detail["cell"], CellResult) for one in known.values() if one.outcome is UnitOutcome.RIGHT
    ]


def _family(cell: FinderCell) -> str:
    return "" if cell.plant == NO_PLANT else plant(cell.plant).family


def _said(one: CellResult) -> str:
    if one.tool == "rss":
        return f"{one.course[-1] - one.course[0]:+,} bytes"
    limit = "no limit" if one.limit == NO_LIMIT else f"limit {one.limit:,}"
    return f"{'leak' if one.alarm else 'passed'}, {one.largest:,} bytes at {one.at} ({limit})"


LEAK_FINDERS = EvidenceKind(
    "leak-finders",
    _units,
    _run,
    lambda unit: USUAL_SECONDS[unit.partition(" ")[0]],
    ("benchmarks/evidence/finders.py", "benchmarks/leak_finders/*.py", ":(exclude)benchmarks/leak_finders/page.py",
     ":(exclude)benchmarks/leak_finders/page_text.py", "tests/soak/plant_host.py", "tests/support/loops.py"),
    _ready,
)  # fmt: skip
