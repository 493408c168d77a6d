"""Renders the section of the benchmark's page about soak.

It has the cost of soak's instruments, the smallest leak that they find, and a table of what other leak finders find.
"""

from collections.abc import Iterable, Iterator, Sequence
from statistics import median
from typing import NamedTuple

from benchmarks.bench.harness import COUNTED, LOOKED_AT, NATIVE, PLAIN, WINDOW
from benchmarks.bench.page_text import HARNESS, HARNESS_FAILED, LEAST
from benchmarks.bench.results import BenchCell
from benchmarks.bench.small_leaks import CLEAN, LEAST_DIFFERENCE, SMALLEST, found_row
from benchmarks.bench.tables import table_of
from benchmarks.leak_finders.cells import CellResult
from benchmarks.leak_finders.score import answers_of

TITLES = {
    PLAIN: "nothing beside it",
    COUNTED: "counting after each block",
    WINDOW: "in a window of memray",
    NATIVE: "in a window of memray, native frames too",
}
MEMRAY = "memray, a call stack with 1 KB left"


def harness_section(cells: Iterable[BenchCell], finders: Sequence[CellResult]) -> str:
    """Return the section, or an empty text if `cells` has no measurement of soak's instruments.

    `finders` are the measurements of other leak finders.
    """
    found = list(cells)
    values: dict[tuple[str, str], list[float]] = {}
    for cell in found:
        if cell.row in ("cycles", "cycle-cpu") or cell.row.startswith("least-"):
            values.setdefault((cell.peer, cell.row), []).extend([] if cell.value is None else [cell.value])
    if not values:
        return ""
    reasons = [cell.reason for cell in found if cell.peer == NATIVE and cell.reason]
    failed = [HARNESS_FAILED.format(reason=reason) for reason in reasons]
    return "\n".join([HARNESS, *failed, _costs(values), LEAST, _least(values), _finders(found, finders)])


def _costs(values: dict[tuple[str, str], list[float]]) -> str:
    head = ["", "cycles a second", "of those with nothing", "agent's CPU a cycle, ms", "of that without memray"]
    rows = []
    for name, title in TITLES.items():
        cycles, cpu = values.get((name, "cycles"), []), values.get((name, "cycle-cpu"), [])
        share = _share(cycles, values.get((PLAIN, "cycles"), []))
        rows.append([title, _median(cycles), share, _median(cpu), _share(cpu, values.get((COUNTED, "cycle-cpu"), []))])
    return table_of(head, rows)


def _median(values: Sequence[float]) -> str:
    return f"{median(values):,.3g}" if values else "–"


def _share(some: Sequence[float], of: Sequence[float]) -> str:
    pairs = list(zip(some, of, strict=False))
    return f"{median(one / other for one, other in pairs):.2f}" if pairs else "–"


def _least(values: dict[tuple[str, str], list[float]]) -> str:
    names = sorted({peer for peer, row in values if row == "least-seconds"}, key=lambda name: int(name.split()[0]))
    head = ["judged", "seconds", *(f"least of `{name}` a cycle" for name in LOOKED_AT)]
    rows = ([name, *(_median(values.get((name, f"least-{what}"), [])) for what in ("seconds", *LOOKED_AT))]
            for name in names)  # fmt: skip
    return table_of(head, rows)


class FinderResult(NamedTuple):
    """A leak finder's answer for a run with a planted leak, or for a clean run (`plant` is empty then).

    `alarm` is true if it reported a leak, and `seconds` is the duration of the run.
    """

    finder: str
    plant: str
    alarm: bool
    seconds: float


def _finders(cells: Sequence[BenchCell], measured: Sequence[CellResult]) -> str:
    """Return the table of other leak finders: which of the smallest plants each found, and in how many clean runs it
    reported a leak.
    """
    said = [*_by_others(measured), *_by_memray(measured), *_by_tracemalloc(cells)]
    head = ["finder", "seconds a run", *SMALLEST, "clean runs alarmed"]
    rows = []
    for finder in dict.fromkeys(one.finder for one in said):
        of_it = [one for one in said if one.finder == finder]
        found = {one.plant: "found" if one.alarm else "**missed**" for one in of_it}
        clean = [one.alarm for one in of_it if not one.plant]
        seconds = median(one.seconds for one in of_it)
        false_alarms = f"{sum(clean)} of {len(clean)}"
        rows.append([finder, f"{seconds:.0f}", *(found.get(name, "–") for name in SMALLEST), false_alarms])
    return table_of(head, rows)


def _by_others(measured: Sequence[CellResult]) -> Iterator[FinderResult]:
    for one in answers_of(measured):
        if one.alarm is not None and (one.plant in SMALLEST or one.role == "clean"):
            yield FinderResult(one.finder, one.plant if one.role == "leak" else "", one.alarm, one.seconds)


def _by_memray(measured: Sequence[CellResult]) -> Iterator[FinderResult]:
    """Yield memray's answers by a fixed limit: every call stack that keeps 1 KB or more counts as a leak.

    The answers come from the records of runs with a calibrated limit.
    """
    for one in measured:
        if one.tool == "memray" and not one.error and (one.plant in SMALLEST or one.role == "clean"):
            yield FinderResult(
                MEMRAY, one.plant if one.role == "leak" else "", one.largest >= LEAST_DIFFERENCE, one.seconds
            )


def _by_tracemalloc(cells: Sequence[BenchCell]) -> Iterator[FinderResult]:
    seconds = {(one.peer, one.row.removeprefix("seconds:")): one.value or 0.0 for one in cells}
    for one in cells:
        if one.row.startswith(found_row("")) and one.value is not None:
            name = one.row.removeprefix(found_row(""))
            yield FinderResult(
                one.peer, "" if name.startswith(CLEAN) else name, bool(one.value), seconds[one.peer, name]
            )
