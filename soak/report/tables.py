"""The tables of a page: findings, scenarios, bounds, rest, gauges. Signs and words say what the colours say."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from soak.gauges.results import BoundResult, FindingResult, GaugeResult, RestResult, ScenarioResult, TrafficResult
from soak.report.figures import amount, byte_count, duration, number, rate
from soak.report.markup import Content, Markup, tag

MOST_ROWS = 300
"""Rows of a table at most; the rest is in report.json."""

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its head, what a cell holds, and whether that is a figure."""

    head: str
    cell: Callable[[Any], Content]
    figure: bool = False


def table(caption: str, columns: Sequence[Column], rows: Sequence[Row]) -> Markup:
    """A table whose first column names the row; on narrow screens every row is a card."""
    left = len(rows) - MOST_ROWS
    heads = [tag("th", one.head, scope="col", class_="figure" if one.figure else None) for one in columns]
    return tag(
        "table",
        tag("caption", caption + (f" {left:,} more rows are in report.json." if left > 0 else "")),
        tag("thead", tag("tr", heads)),
        tag("tbody", [_row(columns, row) for row in islice(rows, MOST_ROWS)]),
        class_="cards",
    )


def findings_table(findings: Sequence[FindingResult], places: Mapping[str, str]) -> Markup:
    """What was found; `places` has the plot of each name that is drawn."""
    return table(
        "A click on a command selects all of it.",
        [
            Column("What", lambda one: _found(one, None if one.kind == "harness" else places.get(one.name))),
            Column("Where", lambda one: one.scenario or "everywhere"),
            Column("A cycle", lambda one: _growth(one.per_cycle, one.unit), figure=True),
            Column("In 24 h", lambda one: _growth(one.per_24h, one.unit), figure=True),
            Column("See it again", lambda one: tag("code", one.replay, class_="copy") if one.replay else None),
        ],
        findings,
    )


def scenarios_table(scenarios: Sequence[ScenarioResult]) -> Markup:
    """What ran, how far it came, and its bytes."""
    return table(
        "Cycles of the warm-up are not judged.",
        [
            Column("Scenario", lambda one: one.name),
            Column("Cycles", lambda one: number(one.cycles), figure=True),
            Column("Warm-up", lambda one: number(one.warm_up_cycles), figure=True),
            Column("Blocks", lambda one: number(one.blocks), figure=True),
            Column("Time", lambda one: duration(one.duration_s), figure=True),
            Column("Came to", lambda one: one.phase),
            Column("Bytes", lambda one: traffic(one.traffic)),
        ],
        scenarios,
    )


def bounds_table(bounds: Sequence[BoundResult]) -> Markup:
    """Peaks beside capacities; broken ones first, then those that nothing filled."""
    ordered = sorted(bounds, key=lambda one: (one.peak <= one.capacity, one.exercised, one.name))
    return table(
        "A limit that was never full is not exercised: that it would have held is not known.",
        [
            Column("Limit", lambda one: one.name),
            Column("Peak", _peak, figure=True),
            Column("Capacity", lambda one: amount(one.capacity, one.unit), figure=True),
            Column("Filled", _bar),
            Column("Evicted", lambda one: number(one.evicted), figure=True),
            Column("Outcome", _bound_outcome),
            Column("Why", lambda one: one.why),
        ],
        ordered,
    )


def rest_table(rest: Sequence[RestResult], findings: Iterable[FindingResult]) -> Markup:
    """Counts with everybody gone; those that differ first."""
    found = {(one.name, one.scenario) for one in findings}
    ordered = sorted(rest, key=lambda one: ((one.name, one.scenario) not in found, one.before == one.after, one.name))
    return table(
        "Counted after the warm-up and at the end, when every phone has left and every terminal is closed.",
        [
            Column("What", lambda one: one.name),
            Column("Scenario", lambda one: one.scenario),
            Column("Before", lambda one: number(one.before), figure=True),
            Column("After", lambda one: number(one.after), figure=True),
            Column("Outcome", lambda one: _rest_outcome(one, (one.name, one.scenario) in found)),
        ],
        ordered,
    )


def gauges_table(gauges: Sequence[GaugeResult], caption: str) -> Markup:
    """How every gauge changed, and the least rise that would have been seen."""
    order = {"rising": 0, "unmeasured": 1, "flat": 2}
    return table(
        caption,
        [
            Column("Gauge", lambda one: one.name),
            Column("Scenario", lambda one: one.scenario),
            Column("A cycle", lambda one: _measured(one, rate(one.per_cycle, one.unit)), figure=True),
            Column("Least that would be seen", lambda one: _measured(one, amount(one.smallest_leak, one.unit)),
                   figure=True),
            Column("Outcome", _gauge_outcome),
        ],
        sorted(gauges, key=lambda one: (order[one.verdict], one.name, one.scenario)),
    )  # fmt: skip


def traffic(counted: TrafficResult) -> str:
    """An account of bytes in words."""
    lost = f"{number(counted.lost)} lost, doubled or out of order" if counted.lost else "none lost"
    return f"{byte_count(counted.bytes_sent)} typed, {byte_count(counted.bytes_received)} printed, {lost}"


def mark(class_: str, text: str) -> Markup:
    """An outcome: colour and words."""
    return tag("span", text, class_=class_)


def _row(columns: Sequence[Column], row: Row) -> Markup:
    first, *others = columns
    cells = [tag("td", one.cell(row), data_label=one.head, class_="figure" if one.figure else None) for one in others]
    return tag("tr", tag("th", first.cell(row), scope="row"), cells)


def _found(finding: FindingResult, place: str | None) -> Content:
    name = tag("a", finding.name, href=f"#{place}") if place else tag("strong", finding.name)
    return [tag("span", f"✗ {finding.kind}", class_="chip bad"), " ", name, tag("p", finding.detail, class_="small")]


def _growth(value: float, unit: str) -> str:
    return rate(value, unit) if value else ""


def _peak(bound: BoundResult) -> str:
    """Exactly where it is above the capacity: rounded it might look the same."""
    return f"{bound.peak:,} {bound.unit}" if bound.peak > bound.capacity else amount(bound.peak, bound.unit)


def _bar(bound: BoundResult) -> Content:
    share = bound.peak / bound.capacity if bound.capacity > 0 else 1.0
    class_ = "bar over" if share > 1 else "bar full" if bound.exercised else "bar"
    percent = ">100" if 1 < share < 1.01 else "<1" if 0 < share < 0.01 else f"{100 * share:.0f}"
    return [
        tag("span", tag("span", style=f"width:{min(100.0, 100 * share):.1f}%"), class_=class_, aria_hidden="true"),
        tag("span", f"{percent} %", class_="small dim"),
    ]


def _bound_outcome(bound: BoundResult) -> Markup:
    if bound.peak > bound.capacity:
        return mark("bad", "✗ broken")
    return mark("good", "✓ full and held") if bound.exercised else mark("warn", "– not exercised")


def _rest_outcome(rest: RestResult, found: bool) -> Markup:
    if found:
        return mark("bad", "✗ did not come back")
    return mark("good", "✓ the same") if rest.before == rest.after else mark("dim", "✓ no finding")


def _gauge_outcome(gauge: GaugeResult) -> Markup:
    outcomes = {"flat": ("good", "✓ flat"), "rising": ("bad", "✗ rising"), "unmeasured": ("warn", "? not measured")}
    return mark(*outcomes[gauge.verdict])


def _measured(gauge: GaugeResult, text: str) -> str:
    return "" if gauge.verdict == "unmeasured" else text
