"""report.html: the whole report on one self-contained page.

Owns the order of the sections. Tables, plots and the style are in separate modules. Every string is escaped (see
`markup`).
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from soak.gauges.results import GaugeResult, Report
from soak.report.figures import amount, count, counted, duration
from soak.report.markup import Content, Markup, markup, printable, tag
from soak.report.next_steps import Suggestion, next_steps
from soak.report.plots import MOST_PLOTS, Plot, PlotColours, figure, legend, places_of, plot_colours, plots
from soak.report.sentences import SIGNS, cycle_word, harness_text, headline, product_text, sentence
from soak.report.states import by_reason, unfilled
from soak.report.style import CSS
from soak.report.tables import (
    Column,
    bounds_table,
    findings_table,
    gauges_table,
    rest_table,
    scenarios_table,
    table,
    traffic,
)

MOST_NOTES = 100
OPEN_ROWS = 40
"""Most rows of a table that is shown open. A longer table is collapsed."""
TONES = {"held": "good", "leak": "bad", "breach": "bad", "failed": "bad", "inconclusive": "warn", "unfinished": "warn"}
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(report: Report, place: Path | None = None) -> str:
    """Return the HTML page for a report in the directory `place`.

    Without `place`, the page has no next steps. The page can be encoded as UTF-8, whatever names are in the report.
    """
    body = tag("body", tag("main", list(_sections(report, place))))
    return "<!DOCTYPE html>\n" + tag("html", _head(report), body, lang="en") + "\n"


def _head(report: Report) -> Markup:
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("title", f"{SIGNS[report.verdict]} {headline(report)} · mobifai soak"),
        tag("style", Markup(CSS)),
    )


def _sections(report: Report, place: Path | None) -> Iterator[Content]:
    drawn = plots(report)
    found, calm = [one for one in drawn if one.findings], [one for one in drawn if not one.findings]
    key = plot_colours(report)
    yield _verdict(report)
    yield _facts(report)
    yield _next(next_steps(report, place.absolute())) if place is not None else None
    yield _findings(report, places_of(drawn))
    yield [figure(course, key, large=True, id_=f"plot-{index}") for index, course in enumerate(found)]
    yield _notes(report)
    yield _section("Scenarios", scenarios_table(report.scenarios)) if report.scenarios else None
    yield _section("Limits", _bounds_text(report), bounds_table(report.bounds)) if report.bounds else None
    yield _section("Back to rest", rest_table(report.rest)) if report.rest else None
    yield _gauges(report)
    yield _courses([course for course in calm if not course.of_harness], key)
    yield _harness(report, [course for course in calm if course.of_harness], key)
    yield _memory(report)
    yield _environment(report)


def _verdict(report: Report) -> Markup:
    verdict = sentence(report)
    first, _, rest = verdict.partition(": ")
    is_name = rest.startswith(tuple(one.name for one in report.scenarios))
    rest = rest if report.findings or is_name else _sentence(rest)
    return tag(
        "header",
        tag("div", SIGNS[report.verdict], class_=f"sign {TONES[report.verdict]}", aria_hidden="true"),
        tag("div", tag("h1", first), tag("p", rest)),
        class_=f"verdict {TONES[report.verdict]}",
    )


def _facts(report: Report) -> Markup:
    again = f" in {report.segments} parts" if report.segments > 1 else ""
    facts = {
        "Ran": f"{', '.join(one.name for one in report.scenarios) or 'no scenario'}",
        f"{cycle_word(report.is_watch).capitalize()}s": counted(report.counts, cycle_word(report.is_watch)),
        "Time": duration(report.duration_s) + again,
        "Findings": count(len(report.findings), "finding"),
        "Bytes": traffic(report.traffic),
        "Seed": str(report.seed),
    }
    return tag("dl", [_fact(name, text) for name, text in facts.items()], class_="facts")


def _fact(name: str, text: str) -> Markup:
    return tag("div", tag("dt", name), tag("dd", text), class_="wide" if len(text) > 24 else None)


def _next(steps: list[Suggestion]) -> Markup | None:
    items = [[tag("p", _sentence(one.why)), _command(one.command)] for one in steps]
    return _section("Next", items) if steps else None


def _sentence(why: str) -> str:
    return why[:1].upper() + why[1:]


def _command(words: str) -> Markup | None:
    return tag("code", words, class_="copy") if words else None


def _findings(report: Report, places: Mapping[tuple[str, str], str]) -> Markup:
    if not report.findings:
        return _section("Findings", tag("p", "None."))
    return _section("Findings", findings_table(report.findings, places))


def _notes(report: Report) -> Markup | None:
    interrupted = ["The run was interrupted; its results are partial."] if report.interrupted else []
    notes = [*interrupted, *report.notes]
    left = [f"{len(notes) - MOST_NOTES} more notes are in report.json."] if len(notes) > MOST_NOTES else []
    items = [tag("li", note) for note in [*notes[:MOST_NOTES], *left]]
    return _section("Notes", tag("ul", items, class_="notes")) if notes else None


def _bounds_text(report: Report) -> Markup:
    left = len(unfilled(report))
    filled = f"{count(len(report.bounds) - left, 'limit was', 'limits were')} filled to capacity"
    return tag("p", f"{filled}, {count(left, 'was', 'were')} not.", class_="dim")


def _gauges(report: Report) -> Markup | None:
    if not report.gauges:
        return None
    left = [f"{len(names):,} {words}" for words, names in by_reason(_unknown(report.gauges)).items()]
    label = "; ".join([count(len(report.gauges), "gauge"), *left])
    caption = "A leak smaller than the given one would not have been found."
    return _section("Gauges", _folded(label, len(report.gauges), gauges_table(report.gauges, caption)))


def _unknown(gauges: list[GaugeResult]) -> list[GaugeResult]:
    return [gauge for gauge in gauges if not gauge.state.is_judged]


def _courses(calm: list[Plot], key: PlotColours) -> Markup | None:
    moving = [course for course in calm if not course.flat]
    flat = [course for course in calm if course.flat]
    if not calm:
        return None
    shown = moving[:MOST_PLOTS]
    left = len(moving) - len(shown)
    return _section(
        "Series without a finding",
        tag("p", f"{left} more gauges are in report.json.") if left else None,
        _shared_legend(shown, key),
        _plots(shown, key, "calm"),
        _flat(flat),
    )


def _plots(shown: list[Plot], key: PlotColours, name: str) -> Markup | None:
    drawn = [figure(one, key, large=False, id_=f"{name}-{i}") for i, one in enumerate(shown)]
    return tag("div", drawn, class_="plots") if drawn else None


def _shared_legend(shown: list[Plot], key: PlotColours) -> Markup | None:
    widest = max(shown, key=lambda course: len(course.lines), default=None)
    return legend(widest, key) if widest else None


def _flat(flat: list[Plot]) -> Markup | None:
    rows = [(course, line) for course in flat for line in course.lines]
    columns = [
        Column("Gauge", lambda row: row[0].name),
        Column("Scenario", lambda row: row[1].scenario),
        Column("Value", lambda row: amount(row[1].points[0][1], row[0].unit), figure=True),
    ]
    label = f"{count(len(flat), 'gauge')} stayed at one value"
    return (
        tag("details", tag("summary", label), table("These gauges had one value during the whole run.", columns, rows))
        if flat
        else None
    )


def _harness(report: Report, drawn: list[Plot], key: PlotColours) -> Markup | None:
    if not report.harness:
        return None
    rows = gauges_table(report.harness, "Growth of the process that runs the phones and measures.", "Per round")
    content = _folded(_sentence(harness_text(report)), len(report.harness), rows)
    return _section("The harness itself", content, _plots([one for one in drawn if not one.flat], key, "harness"))


def _memory(report: Report) -> Markup | None:
    if not report.memory:
        return None
    names = list(dict.fromkeys(str(key) for window in report.memory for key in window))[:8]
    columns = [Column(name, _field(name)) for name in names]
    label = f"{count(len(report.memory), 'window')} of memray"
    return _section("Memory by line", tag("details", tag("summary", label), table("", columns, report.memory)))


def _field(name: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda window: _value(window.get(name))


def _environment(report: Report) -> Markup:
    facts = {"mobifai": product_text(report.product), "command": report.command, "started": report.started_at,
             **report.environment}  # fmt: skip
    rows = [(str(name), _value(value)) for name, value in facts.items() if value not in ("", None)]
    columns = [Column("What", lambda row: row[0]), Column("Value", lambda row: row[1])]
    return _section("Environment", table("", columns, rows))


def _section(title: str, *content: Content) -> Markup:
    return tag("section", tag("h2", title), markup(*content))


def _folded(label: str, rows: int, content: Markup) -> Markup:
    return tag("details", tag("summary", label), content, open="open" if rows <= OPEN_ROWS else None)


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_value(one)}" for name, one in list(value.items())[:50])
    if isinstance(value, list | tuple):
        return "; ".join(_value(one) for one in value[:50])
    return printable("" if value is None else value)
