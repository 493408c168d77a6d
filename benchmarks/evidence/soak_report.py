"""Extracts from a soak report the facts that the evidence needs. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from benchmarks.evidence.units import UnitOutcome
from soak.gauges.results import Phase, Report
from soak.gauges.state import Trend

SOURCE = "benchmarks/evidence/soak_report.py"
SOAK_PACKAGES = ("mobifai", "soak")
"""The packages that a run of soak uses. It never imports `profiles`."""

FOUND = ("leak", "breach")
"""Verdicts of a run that found something. A leak in a container with a limit exceeds the limit."""
SHOWN_FINDINGS = 3
NOT_JUDGED = ("rss.bytes", "uncollected")
"""Gauges that are shown but never judged."""


def outcome_of(report: Report, *, leaks: bool) -> UnitOutcome:
    """Return whether the verdict of a run of soak is right. `leaks`: a leak was planted, so the run must report it.

    A run without a verdict counts as failed, so that it is repeated. If it lost bytes, it counts as wrong, because that
    is a fault of the product.
    """
    if report.verdict == "held":
        return UnitOutcome.WRONG if leaks else UnitOutcome.RIGHT
    if report.verdict in FOUND:
        return UnitOutcome.RIGHT if leaks else UnitOutcome.WRONG
    lost = any(one.kind == "integrity" for one in report.findings)
    return UnitOutcome.WRONG if lost else UnitOutcome.FAILED


def findings(report: Report) -> list[str]:
    """Return one text for each finding in the report: its kind and its name."""
    return [f"{one.kind} {one.name}" for one in report.findings]


def suspected(report: Report) -> bool:
    """Return whether growth was suspected in any scenario, so that it was repeated in a fresh process."""
    return any(one.phase is Phase.CONFIRMED for one in report.scenarios)


def smallest_leaks(report: Report) -> dict[str, dict[str, float]]:
    """Return the smallest leak per cycle that the run would have found, by scenario and then by `process|gauge|unit`.

    The gauges of one family (all types, all kinds of descriptors) share an entry, that of the least sensitive gauge.
    """
    found: dict[str, dict[str, float]] = {}
    for gauge in report.gauges:
        process, family = process_and_family(gauge.name)
        if family in NOT_JUDGED or gauge.state is not Trend.FLAT:
            continue
        key = f"{process}|{family}|{gauge.unit}"
        scenario = found.setdefault(gauge.scenario, {})
        scenario[key] = max(scenario.get(key, 0.0), float(f"{gauge.smallest_leak:.3g}"))
    return found


def process_and_family(name: str) -> tuple[str, str]:
    """Return the process of a gauge and the gauge's family.

    `keeper/types:a` belongs to the keeper. The agent has no prefix.
    """
    process, _, family = name.partition(":")[0].rpartition("/")
    return process or "agent", family


def limits(report: Report) -> tuple[int, int]:
    """Return the number of limits that the run filled, and the number of all limits."""
    return sum(one.exercised for one in report.bounds), len(report.bounds)


def unfilled(report: Report) -> dict[str, str]:
    """Return the limits that the run did not fill, each with the reason that the report gives."""
    return {one.name: one.why for one in report.bounds if not one.exercised}


def values_of(runs: Iterable[Mapping[str, Mapping[str, float]]], scenario: str, key: str) -> Sequence[float]:
    """Return the smallest leaks of all runs in one scenario for `key` (`process|gauge|unit`), in ascending order.

    Each run is what `smallest_leaks` has returned for it.
    """
    return sorted(run[scenario][key] for run in runs if key in run.get(scenario, {}))
