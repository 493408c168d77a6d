"""The cells of the table of leak finders, as a list of measurements to take."""

from collections.abc import Mapping

from benchmarks.leak_finders.cells import NO_LIMIT, FinderCell
from benchmarks.leak_finders.limits import CALIBRATION_RUNS, KINDS, hosted, kind_of
from soak.plants import LifecycleEvent

EVENTS = 160
"""Number of judged events of a cell. As many events come before them as a warm-up.

It is a multiple of 80, so that 8 or 20 equal blocks end at samples of 4 events.
"""
CLEAN_RUNS = 5
"""Number of clean runs for each kind of event and each finder."""


def calibrations() -> list[FinderCell]:
    """Return the clean runs that calibrate pytest-memray's limits."""
    return [FinderCell("memray", "calibration", kind, number=n) for kind in KINDS for n in range(CALIBRATION_RUNS)]


def judged(limits: Mapping[LifecycleEvent, int] | None = None) -> list[FinderCell]:
    """Return all other cells: plants and clean runs, each with memray and with RSS. Leaks come last.

    `limits` are those of memray by kind of event, or None if they are not known yet.
    """
    by_kind = dict.fromkeys(KINDS, NO_LIMIT) if limits is None else limits
    cells = []
    for plant in hosted():
        role = "decoy" if plant.decoy else "leak"
        cells += [
            FinderCell("memray", role, plant.on, plant.name, limit=by_kind[kind_of(plant.on)]),
            FinderCell("rss", role, plant.on, plant.name),
        ]
    for kind in KINDS:
        cells += [FinderCell("memray", "clean", kind, number=n, limit=by_kind[kind]) for n in range(CLEAN_RUNS)]
        cells += [FinderCell("rss", "clean", kind, number=n) for n in range(CLEAN_RUNS)]
    return sorted(cells, key=lambda cell: ("decoy", "clean", "leak").index(cell.role))
