"""clean-runs.md: alarms in runs without a leak, and the smallest leak that these runs would have found. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from benchmarks.evidence.pages.parts import cell, command, origin, table
from benchmarks.evidence.soak_report import FOUND, values_of
from benchmarks.evidence.units import KindEvidence, UnitResult

SMALLEST = """\
## The smallest leak that would have been seen

The least steady rise for each cycle that a run would have reported, as its report states it: the median of the runs,
and in brackets the largest. Gauges of one family (all types, all kinds of descriptors) are one row: the bluntest
counts.
"""


def page(evidence: Mapping[str, KindEvidence]) -> str:
    """Return the page clean-runs.md, given the results by kind."""
    parts = ["# Clean runs\n", "Runs in which nothing was planted. Each alarm in them is a false one.\n"]
    for name, title in (("clean-runs", "## Whole quick runs of soak\n"), ("gate-runs", "## Whole runs of the gate\n")):
        if name in evidence:
            parts += [title, origin(evidence[name]), *_counted(evidence[name])]
    if "clean-runs" in evidence:
        parts += _smallest(evidence["clean-runs"])
    return "\n".join(parts)


def _counted(own: KindEvidence) -> Iterator[str]:
    runs = [one for one in own.last.values() if one.detail]
    if not runs:
        return
    counts = Counter(str(one.detail["verdict"]) for one in runs)
    alarms = [one for one in runs if one.detail["verdict"] in (*FOUND, "grown")]
    judged = sum(counts[word] for word in ("held", "passed")) + len(alarms)
    suspected = sum(bool(one.detail["suspected"]) for one in runs)
    yield command(own)
    yield table(["runs", "cycles", *counts, "suspected and cleared"],
                [[len(runs), f"{sum(one.detail['cycles'] for one in runs):,}", *counts.values(),
                  suspected - len(alarms)]])  # fmt: skip
    if judged and not alarms:
        rate = 1 - 0.05 ** (1 / judged)
        yield f"No alarm in {judged} runs bounds the rate of false alarms at {rate:.1%} (95 % sure).\n"
    yield from _found(runs)


def _found(runs: list[UnitResult]) -> Iterator[str]:
    found = [f"- seed {one.unit}: {cell(text)}" for one in runs for text in one.detail["findings"]]
    if found:
        yield "**Found in them:**\n\n" + "\n".join(found) + "\n"


def _smallest(own: KindEvidence) -> list[str]:
    return [SMALLEST, smallest_table([one.detail["smallest"] for one in own.last.values() if one.detail])]


def smallest_table(runs: list[Mapping[str, Mapping[str, float]]]) -> str:
    """Return the table of the smallest leaks that runs would have found.

    It has a row for each gauge of each process, and a column for each scenario. A run has a value by scenario and by
    `process|gauge|unit`.
    """
    scenarios = list(dict.fromkeys(name for run in runs for name in run))
    keys = sorted({key for run in runs for gauges in run.values() for key in gauges})
    rows = []
    for key in keys:
        process, gauge, unit = key.split("|")
        rows.append([process, f"`{gauge}`", unit, *(_value(values_of(runs, name, key)) for name in scenarios)])
    return table(["process", "gauge", "unit", *scenarios], rows)


def _value(values: Sequence[float]) -> str:
    if not values:
        return "–"
    middle, largest = (f"{value:,.3g}" for value in (median(values), values[-1]))
    return middle if middle == largest else f"{middle} ({largest})"
