"""The second table: what soak's own means cost, how small a leak they show, and what other finders show. Pure."""

from collections.abc import Iterable, Sequence
from statistics import median

from benchmarks.bench.harness import COUNTED, LOOKED_AT, NATIVE, PLAIN, WINDOW
from benchmarks.bench.results import Cell
from benchmarks.bench.tables import table_of
from benchmarks.bench.words import HARNESS, HARNESS_FAILED, LEAST
from benchmarks.leak_finders.cells import Measured
from benchmarks.leak_finders.score import answers_of

TITLES = {
    PLAIN: "nothing beside it",
    COUNTED: "counting after each block",
    WINDOW: "in a window of memray",
    NATIVE: "in a window of memray, native frames too",
}
SMALLEST = ("one-in-five", "bytes-only", "text-only", "pty-master-left-open", "sixteen-native-bytes")
"""The plants that keep least: 0.2 objects, one object, or 16 bytes for each event."""


def harness_section(cells: Iterable[Cell], finders: Sequence[Measured]) -> str:
    """The section; nothing when nothing of it was measured."""
    found = list(cells)
    values: dict[tuple[str, str], list[float]] = {}
    for cell in found:
        if cell.row in ("cycles", "cycle-cpu") or cell.row.startswith("least-"):
            values.setdefault((cell.peer, cell.row), []).extend([] if cell.value is None else [cell.value])
    if not values:
        return ""
    reasons = [cell.reason for cell in found if cell.peer == NATIVE and cell.reason]
    failed = [HARNESS_FAILED.format(reason=reason) for reason in reasons]
    return "\n".join([HARNESS, *failed, _costs(values), LEAST, _least(values), _finders(finders)])


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


def _finders(measured: Sequence[Measured]) -> str:
    """What other finders say of the smallest plants, from the comparison that was measured for them."""
    answers = [one for one in answers_of(measured, None) if one.plant in SMALLEST]
    finders = list(dict.fromkeys(one.finder for one in answers))
    said = {(one.finder, one.plant): {True: "found", False: "**missed**", None: "–"}[one.alarm] for one in answers}
    head = ["finder", "seconds a run", *SMALLEST]
    rows = []
    for finder in finders:
        seconds = median(one.seconds for one in answers if one.finder == finder)
        rows.append([finder, f"{seconds:.0f}", *(said.get((finder, plant), "–") for plant in SMALLEST)])
    return table_of(head, rows)
