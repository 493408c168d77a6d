"""Makes report.html, the self-contained page of a profile report, with the source lines of culprits if they exist.

This module has the contents of the page. Style, tables and escaping are those of soak's page.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from profiles.report.locations import location_text
from profiles.report.summary import FATES, SIGNS, asked, facts, fate, headline, identity, looked_at, overhead, parts
from profiles.results import (
    CodeLocation,
    Culprit,
    DoseResult,
    NextStep,
    Overhead,
    ProfileReport,
    ProfileSettings,
    Unattributed,
    not_judged,
    step_of,
)
from soak.report.figures import duration, number, rate
from soak.report.html import MOST_NOTES, POLICY
from soak.report.markup import Content, Markup, markup, tag
from soak.report.style import CSS
from soak.report.tables import Column, mark, table

TONES = {"clean": "good", "found": "bad", "failed": "bad", "inconclusive": "warn", "unfinished": "warn"}
AROUND = 5
"""Number of source lines shown before and after the responsible line."""
LONGEST_LINE = 200
MOST_SOURCE = 4 << 20
MOST_CARDS = 100
MOST_VALUES = 50

MORE_CSS = """
article{background:var(--card);border:1px solid var(--edge);border-left:6px solid var(--bad);border-radius:8px;
padding:4px 18px 12px;margin:14px 0}
article .facts>div{background:var(--bg)}
article h3{margin:.6rem 0 .2rem;font-size:1.05rem;overflow-wrap:anywhere}
pre{overflow-x:auto;padding:8px 10px;border:1px solid var(--edge);border-radius:6px;background:var(--bg);margin:.5rem 0}
pre mark{background:transparent;color:var(--bad);font-weight:700}
"""


def page(report: ProfileReport) -> str:
    """Return the HTML page of a report, in which every text can be encoded as UTF-8.

    Reads the source files of culprits, as far as they exist.
    """
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("title", f"{SIGNS[report.verdict]} {headline(report)} · mobifai profile"),
        tag("style", Markup(CSS + MORE_CSS)),
    )
    return "<!DOCTYPE html>\n" + tag("html", head, tag("body", tag("main", list(_parts(report)))), lang="en") + "\n"


def _parts(report: ProfileReport) -> Iterator[Content]:
    yield _verdict(report)
    if report.culprits:
        yield _section("Culprits", _cards(report.culprits))
    if report.unattributed:
        yield _section("Unattributed", _unattributed(report.unattributed))
    if report.soak_findings:
        yield _section("Findings of soak", _listed([f"{FATES[one.state]} {fate(one)}" for one in report.soak_findings]))
    if judged := parts(report):
        yield _section("Judged", _listed(judged))
    if report.unjudged:
        yield _section("Not judged", _listed([f"? {not_judged(one)}" for one in report.unjudged]))
    if report.notes:
        yield _section("Notes", _listed(report.notes))
    if report.next_steps:
        yield _section("Next steps", [_step(one) for one in report.next_steps])
    if report.overhead != Overhead():
        yield _section("Overhead", tag("p", _sentence(overhead(report.overhead))))
    yield _section("Where it ran", _environment(report))


def _verdict(report: ProfileReport) -> Markup:
    tone = TONES[report.verdict]
    return tag(
        "header",
        tag("div", SIGNS[report.verdict], class_=f"sign {tone}", aria_hidden="true"),
        tag("div", tag("h1", headline(report)), tag("p", f"{looked_at(report)}.")),
        class_=f"verdict {tone}",
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _section(title: str, *content: Content) -> Markup:
    return tag("section", tag("h2", title), markup(*content))


def _step(step: NextStep) -> Markup:
    command = tag("code", step.command, class_="copy") if step.command else None
    return tag("div", tag("p", _sentence(step.what)), command)


def _cards(culprits: Sequence[Culprit]) -> list[Content]:
    left = len(culprits) - MOST_CARDS
    more = tag("p", f"{left:,} more culprits are in report.json.") if left > 0 else None
    return [*map(_culprit, culprits[:MOST_CARDS]), more]


def _culprit(culprit: Culprit) -> Markup:
    what = f"{culprit.kind}{f', {culprit.what}' if culprit.what else ''}"
    return tag(
        "article",
        tag("h3", location_text(culprit.place), title=culprit.file),
        tag("p", tag("span", f"✗ {what}", class_="chip bad"), f" {culprit.confidence} confidence"),
        source(culprit.file, culprit.line),
        _facts(culprit),
        _doses(culprit.scales),
        tag("h4", "Evidence") if culprit.evidence else None,
        _listed(culprit.evidence),
        _places("Made at", culprit.made_at),
        _places("Called by, the innermost first", culprit.stack),
        tag("code", culprit.replay, class_="copy") if culprit.replay else None,
    )


def _facts(culprit: Culprit) -> Markup:
    known = [(name.capitalize(), fact) for name, fact in facts(culprit)]
    known += [("Explains", ", ".join(culprit.explains))] if culprit.explains else []
    rows = [tag("div", tag("dt", name), tag("dd", fact), class_="wide") for name, fact in known]
    return tag("dl", rows, class_="facts")


def source(file: str, line: int) -> Markup | None:
    """Return HTML with line `line` of a source file, marked, and the lines around it; None if there is no such line."""
    lines = _source_lines(file)
    first = max(1, line - AROUND)
    shown = [_source_line(at, text, at == line) for at, text in enumerate(lines[first - 1 : line + AROUND], first)]
    return tag("pre", tag("code", shown)) if 1 <= line <= len(lines) else None


def _source_lines(file: str) -> list[str]:
    """Return the lines of a source file, or [] if it can't be read, is not a regular file, or is very large.

    Lines end only at a newline, as in Python's line numbers, not at a form feed.
    """
    try:
        path = Path(file)
        readable = path.is_file() and path.stat().st_size <= MOST_SOURCE
        text = path.read_text(encoding="utf-8", errors="replace") if readable else ""
    except (OSError, ValueError):
        return []
    return text.removesuffix("\n").split("\n") if text else []


def _source_line(at: int, text: str, blamed: bool) -> Markup:
    shown = text if len(text) <= LONGEST_LINE else f"{text[:LONGEST_LINE]}…"
    return tag("mark" if blamed else "span", f"{'▶' if blamed else ' '}{at:>5}  {shown}\n")


def _listed(lines: Sequence[str]) -> Markup | None:
    left = [f"{len(lines) - MOST_NOTES:,} more are in report.json."] if len(lines) > MOST_NOTES else []
    items = [tag("li", line) for line in [*lines[:MOST_NOTES], *left]]
    return tag("ul", items, class_="notes") if items else None


def _places(title: str, places: Sequence[CodeLocation]) -> Markup | None:
    """Return a collapsed list of code locations with a title, or None if there are fewer than two.

    The culprit's other facts already show a single location.
    """
    if len(places) < 2:
        return None
    items = [tag("li", location_text(one), title=one.file) for one in places[:MOST_NOTES]]
    return tag("details", tag("summary", f"{title}: {len(places):,} lines"), tag("ol", items, class_="small"))


def _doses(scales: Sequence[DoseResult]) -> Markup | None:
    columns = [
        Column("Primitive", lambda one: one.primitive),
        *(Column(f"{times}x", partial(_dose, at), figure=True) for at, times in enumerate((1, 2, 4))),
        Column("Outcome", lambda one: mark("bad", "✗ scales") if one.scales else mark("dim", "does not scale")),
    ]
    return table("The dose test: growth after 1, 2 and 4 doses of each action.", columns, scales) if scales else None


def _dose(at: int, scale: DoseResult) -> str:
    return f"{rate(scale.grown[at], scale.unit)} after {number(scale.doses[at])}"


def _unattributed(rows: Sequence[Unattributed]) -> Markup:
    columns = [
        Column("Gauge", lambda one: one.name),
        Column("Scenario", lambda one: one.scenario),
        Column("Rate", lambda one: f"{rate(one.per_cycle, one.unit)} a {step_of(one.scenario)}", figure=True),
        Column("Why", lambda one: one.why),
    ]
    return table("Gauges that grow without a known line.", columns, rows)


def _environment(report: ProfileReport) -> Markup:
    known = {
        "command": report.command,
        "started": report.started_at,
        "took": duration(report.duration_s),
        "mode": report.mode,
        "MobiFai": identity(report.product),
        "seed": report.seed if report.mode != "attach" else None,
        "settings": asked(report) if report.settings != ProfileSettings() else "",
        **report.environment,
    }
    rows = [(name, _value(value)) for name, value in known.items() if value not in ("", None)]
    return table("", [Column("What", lambda row: row[0]), Column("Is", lambda row: row[1])], rows)


def _value(value: object) -> str:
    """Return a value from the environment of a report as text. The value may be a list or a mapping."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_value(one)}" for name, one in list(value.items())[:MOST_VALUES])
    if isinstance(value, list | tuple):
        return "; ".join(map(_value, value[:MOST_VALUES]))
    return "" if value is None else str(value)
