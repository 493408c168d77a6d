"""A comparison of two reports as text for a terminal."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from soak.gauges.results import BoundOutcome
from soak.report.comparison import (
    Change,
    ComparedReport,
    ComparisonOutcome,
    FindingChange,
    GaugeChange,
    ReportComparison,
)
from soak.report.figures import NOT_KNOWN, amount, counted, duration, rate
from soak.report.sentences import HEADLINES, product_text
from soak.report.states import WORDS
from soak.report.text import one_line

HEADS: Final = {
    ComparisonOutcome.NOT_WORSE: "✓ Nothing is new or larger",
    ComparisonOutcome.WORSE: "✗ Something is new or larger",
    ComparisonOutcome.INCOMPARABLE: "? These reports can't be compared",
}
SIGNS: Final = {Change.NEW: "✗", Change.LARGER: "✗", Change.SAME: "·", Change.SMALLER: "✓", Change.GONE: "✓",
                Change.UNKNOWN: "?"}  # fmt: skip
MOST_GAUGES: Final = 20
MOST_FINDINGS: Final = 40


def text(comparison: ReportComparison) -> str:
    """Return a comparison as text of several lines, for people."""
    return "".join(f"{one_line(line)}\n" for line in _lines(comparison))


def _lines(found: ReportComparison) -> Iterator[str]:
    reasons = f": {'; '.join(found.reasons)}" if found.reasons else ""
    yield f"{HEADS[found.outcome]}{reasons}"
    yield f"  before: {_side(found.before)}"
    yield f"  after:  {_side(found.after)}"
    yield from _part("findings", _cut([*map(_finding, found.findings)], MOST_FINDINGS))
    yield from _part("limits", _limits(found))
    yield from _part("gauges, for each cycle (smallest leak that would have been found)", _gauges(found.gauges))
    yield from _part("differences", (f"{one.name}: {one.before} → {one.after}" for one in found.differences))


def _part(title: str, lines: Iterable[str]) -> Iterator[str]:
    shown = [*lines]
    yield f"  {title}:{'' if shown else ' none'}"
    yield from (f"    {line}" for line in shown)


def _cut(lines: Sequence[str], most: int) -> Iterator[str]:
    yield from lines[:most]
    if len(lines) > most:
        yield f"and {len(lines) - most:,} more: see --json"


def _side(side: ComparedReport) -> str:
    ran = f"{counted(side.counts)} in {duration(side.duration_s)}"
    return f"{HEADLINES[side.verdict].lower()}; {ran}; seed {side.seed}; mobifai {product_text(side.product)}"


def _finding(one: FindingChange) -> str:
    rates = " → ".join(NOT_KNOWN if value is None else rate(value, one.unit) for value in (one.before, one.after))
    grown = f": {rates} a cycle" if one.before or one.after else ""
    where = f" in {one.scenario}" if one.scenario else ""
    words = "not judged in the later run" if one.change is Change.UNKNOWN else one.change.value
    return f"{SIGNS[one.change]} {words}: {one.kind} {one.name}{where}{grown}"


def _limits(found: ReportComparison) -> Iterator[str]:
    newly = [one.name for one in found.limits if one.after is BoundOutcome.HELD]
    broken = [one.name for one in found.limits if one.after is BoundOutcome.BROKEN]
    no_longer = [one.name for one in found.limits if one.after is BoundOutcome.UNFILLED]
    for words, names in (("broken", broken), ("newly filled", newly), ("no longer filled", no_longer)):
        if names:
            yield f"{words}: {', '.join(names)}"


def _gauges(gauges: Sequence[GaugeChange]) -> Iterator[str]:
    """Yield a line for each gauge that is not a member of a family, and for each gauge whose state has changed.

    The name of a member contains a colon.
    """
    shown = [one for one in gauges if ":" not in one.name or one.before_state is not one.after_state]
    yield from _cut([_gauge(one) for one in shown], MOST_GAUGES)


def _gauge(one: GaugeChange) -> str:
    where = f" in {one.scenario}" if one.scenario else ""
    states = WORDS[one.after_state]
    if one.before_state is not one.after_state:
        states = f"{WORDS[one.before_state]} → {states}"
    rates = " → ".join(NOT_KNOWN if value is None else rate(value, one.unit) for value in (one.before, one.after))
    least = " → ".join(
        NOT_KNOWN if value is None else amount(value, one.unit) for value in (one.before_smallest, one.after_smallest)
    )
    return f"{one.name}{where}: {rates} ({least}), {states}"
