"""The tables of a page: findings, scenarios, limits, counts at rest, gauges.

Everything that a colour says is also said by a sign and a word.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, TypeVar

from soak.gauges.counts import CycleCounts
from soak.gauges.results import (
    BoundOutcome,
    BoundResult,
    FindingResult,
    GaugeResult,
    RestResult,
    ScenarioResult,
    TrafficResult,
)
from soak.gauges.state import Trend
from soak.report.figures import NOT_KNOWN, amount, byte_count, counted, duration, number, projection, rate
from soak.report.markup import Content, Markup, tag
from soak.report.states import SIGNS, WORDS

TONES: Final[Mapping[Trend, str]] = {
    Trend.FLAT: "good",
    Trend.RISING: "bad",
    Trend.SUSPECTED: "warn",
    Trend.UNJUDGED: "warn",
    Trend.UNMEASURED: "warn",
}

BOUND_OUTCOMES: Final[Mapping[BoundOutcome, tuple[str, str]]] = {
    BoundOutcome.HELD: ("good", "✓ full and held"),
    BoundOutcome.BROKEN: ("bad", "✗ broken"),
    BoundOutcome.UNFILLED: ("warn", "– not filled"),
}

ORDER: Final = {state: place for place, state in enumerate((*list(Trend)[1:], Trend.FLAT))}
"""The place of each state in the order of rows: findings first, flat gauges last."""

MOST_ROWS = 300
"""Most rows of a table. report.json has all of them."""

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. `head` is its heading, `cell` returns the content of a cell, and `figure` says that it is a
    number.
    """

    head: str
    cell: Callable[[Any], Content]
    figure: bool = False


def table(caption: str, columns: Sequence[Column], rows: Sequence[Row]) -> Markup:
    """Return a table. The first column names the row. On narrow screens every row is shown as a card."""
    left = len(rows) - MOST_ROWS
    heads = [tag("th", one.head, scope="col", class_="figure" if one.figure else None) for one in columns]
    return tag(
        "table",
        tag("caption", caption + (f" {left:,} more rows are in report.json." if left > 0 else "")),
        tag("thead", tag("tr", heads)),
        tag("tbody", [_row(columns, row) for row in islice(rows, MOST_ROWS)]),
        class_="cards",
    )


def findings_table(findings: Sequence[FindingResult], places: Mapping[tuple[str, str], str]) -> Markup:
    """Return the table of findings. `places` has the id of each finding's plot, by name and scenario."""
    return table(
        "Click a command to select it.",
        [
            Column("What", lambda one: _found(one, places.get((one.name, one.scenario)))),
            Column("Where", lambda one: one.scenario or "everywhere"),
            Column("Per cycle", lambda one: _growth(one.per_cycle, one.unit), figure=True),
            Column("In 24 h", lambda one: projection(one.per_24h, one.unit) if one.per_24h else "", figure=True),
            Column("Reproduce", lambda one: tag("code", one.replay, class_="copy") if one.replay else None),
        ],
        findings,
    )


def scenarios_table(scenarios: Sequence[ScenarioResult]) -> Markup:
    """Return the table of scenarios, with their progress and traffic."""
    return table(
        "Only judged cycles are compared; those of the warm-up, of confirmations and of traced windows are not.",
        [
            Column("Scenario", lambda one: one.name),
            Column("Judged cycles", lambda one: number(one.counts.judged_cycles), figure=True),
            Column("Judged blocks", lambda one: number(one.judged_blocks), figure=True),
            Column("Other cycles", lambda one: _others(one.counts)),
            Column("Time", lambda one: duration(one.duration_s), figure=True),
            Column("Phase", lambda one: one.phase.value),
            Column("Bytes", lambda one: traffic(one.traffic)),
            Column("Outcome", outcome),
        ],
        scenarios,
    )


def bounds_table(bounds: Sequence[BoundResult]) -> Markup:
    """Return the table of limits: first broken limits, then unfilled limits, then the others."""
    ordered = sorted(bounds, key=lambda one: (one.peak <= one.capacity, one.exercised, one.name))
    return table(
        "Nothing is known about a limit that was never reached.",
        [
            Column("Limit", lambda one: one.name),
            Column("Peak", _peak, figure=True),
            Column("Capacity", lambda one: amount(one.capacity, one.unit), figure=True),
            Column("Filled", _bar),
            Column("Evicted", lambda one: amount(one.evicted, one.unit), figure=True),
            Column("Outcome", _bound_outcome),
            Column("Why", lambda one: one.why),
        ],
        ordered,
    )


def rest_table(rest: Sequence[RestResult]) -> Markup:
    """Return the table of counts at rest: first the counts that differ."""
    ordered = sorted(rest, key=lambda one: (ORDER[one.state], one.before == one.after, one.name))
    return table(
        "Counted after the warm-up and at the end, with no phone connected and no terminal open.",
        [
            Column("What", lambda one: one.name),
            Column("Scenario", lambda one: one.scenario),
            Column("Before", lambda one: amount(one.before, one.unit), figure=True),
            Column("After", lambda one: amount(one.after, one.unit), figure=True),
            Column("Outcome", outcome),
        ],
        ordered,
    )


def gauges_table(gauges: Sequence[GaugeResult], caption: str, each: str = "Per cycle") -> Markup:
    """Return the table of gauges, with their growth and the smallest leak that would have been found. `each` is the
    heading of the column with the growth.
    """
    return table(
        caption,
        [
            Column("Gauge", lambda one: one.name),
            Column("Scenario", lambda one: one.scenario),
            Column(each, _rate, figure=True),
            Column("Smallest leak that would be found", _least, figure=True),
            Column("Outcome", outcome),
        ],
        sorted(gauges, key=lambda one: (ORDER[one.state], one.name, one.scenario)),
    )


def traffic(bytes_: TrafficResult) -> str:
    """Return the traffic in words: `1.2 KB typed, 3.4 MB printed, none lost`."""
    if not bytes_.bytes_received and not bytes_.lost:
        return f"{byte_count(bytes_.bytes_sent)} typed, none printed; not judged"
    lost = f"{number(bytes_.lost)} lost, duplicated or reordered" if bytes_.lost else "none lost"
    return f"{byte_count(bytes_.bytes_sent)} typed, {byte_count(bytes_.bytes_received)} printed, {lost}"


def mark(class_: str, text: str) -> Markup:
    """Return the text of an outcome in the colour that the style sheet has for `class_`."""
    return tag("span", text, class_=class_)


def _row(columns: Sequence[Column], row: Row) -> Markup:
    first, *others = columns
    cells = [tag("td", one.cell(row), data_label=one.head, class_="figure" if one.figure else None) for one in others]
    return tag("tr", tag("th", first.cell(row), scope="row"), cells)


def _found(finding: FindingResult, place: str | None) -> Content:
    name = tag("a", finding.name, href=f"#{place}") if place else tag("strong", finding.name)
    return [tag("span", f"✗ {finding.kind}", class_="chip bad"), " ", name, tag("p", finding.detail, class_="small")]


def _others(counts: CycleCounts) -> str:
    """Return the text for the cycles that are not judged: `40 warm-up cycles`."""
    return ", ".join(counted(counts).split(", ")[1:]) or "none"


def _growth(value: float, unit: str) -> str:
    return rate(value, unit) if value else ""


def _peak(bound: BoundResult) -> str:
    """Return the peak with its unit. It is not rounded if it exceeds the capacity."""
    return f"{bound.peak:,} {bound.unit}" if bound.peak > bound.capacity else amount(bound.peak, bound.unit)


def _bar(bound: BoundResult) -> Content:
    share = bound.peak / bound.capacity if bound.capacity > 0 else 1.0
    class_ = "bar over" if share > 1 else "bar full" if bound.exercised else "bar"
    percent = ">100" if 1 < share < 1.01 else "<1" if 0 < share < 0.01 else f"{100 * share:.0f}"
    return [
        tag("span", tag("span", style=f"width:{min(100.0, 100 * share):.1f}%"), class_=class_, aria_hidden="true"),
        tag("span", f"{percent} %", class_="small dim"),
    ]


def outcome(judged: RestResult | GaugeResult | ScenarioResult) -> Content:
    """Return the content of a table cell: the state of a result, and the reason for it if there is one."""
    reason = tag("p", judged.reason, class_="small dim") if judged.reason else None
    return [mark(TONES[judged.state], f"{SIGNS[judged.state]} {WORDS[judged.state]}"), reason]


def _bound_outcome(bound: BoundResult) -> Markup:
    return mark(*BOUND_OUTCOMES[bound.state])


def _rate(gauge: GaugeResult) -> str:
    return NOT_KNOWN if gauge.per_cycle is None else rate(gauge.per_cycle, gauge.unit)


def _least(gauge: GaugeResult) -> str:
    """Return the text for the smallest leak that would have been found. It is not known without a judgement."""
    return NOT_KNOWN if gauge.smallest_leak is None else amount(gauge.smallest_leak, gauge.unit)
