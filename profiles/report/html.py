"""report.html of a hunt: one page that needs nothing else, with the lines themselves where their source is there.

It owns what stands where; the look, the tables and the escaping are those of soak's page.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from profiles.report.places import rates, short, told
from profiles.report.summary import SIGNS, overhead, sentence
from profiles.results import Culprit, ProfileReport, Scale, Unattributed
from soak.report.figures import amount
from soak.report.html import POLICY
from soak.report.markup import Content, Markup, markup, tag
from soak.report.style import CSS
from soak.report.tables import Column, table

TONES = {"clean": "good", "found": "bad", "failed": "bad", "inconclusive": "warn"}
AROUND = 4
"""Lines of source before and after the one that is to blame."""
LONGEST_LINE = 200
MOST_SOURCE = 4 << 20

MORE_CSS = """
article{background:var(--card);border:1px solid var(--edge);border-left:6px solid var(--bad);border-radius:8px;
padding:4px 18px 12px;margin:14px 0}
article h3{margin:.6rem 0 .2rem;font-size:1.05rem;overflow-wrap:anywhere}
pre{overflow-x:auto;padding:8px 10px;border:1px solid var(--edge);border-radius:6px;background:var(--bg);margin:.5rem 0}
pre mark{background:transparent;color:var(--bad);font-weight:700}
"""


def page(report: ProfileReport) -> str:
    """The page, which can be encoded as UTF-8 whatever the names are."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("title", f"{SIGNS[report.verdict]} {sentence(report)} · mobifai profile"),
        tag("style", Markup(CSS + MORE_CSS)),
    )
    return "<!DOCTYPE html>\n" + tag("html", head, tag("body", tag("main", list(_parts(report)))), lang="en") + "\n"


def _parts(report: ProfileReport) -> Iterator[Content]:
    tone = TONES[report.verdict]
    first, _, rest = sentence(report).partition("; ")
    yield tag(
        "header",
        tag("div", SIGNS[report.verdict], class_=f"sign {tone}", aria_hidden="true"),
        tag("div", tag("h1", first), tag("p", rest)),
        class_=f"verdict {tone}",
    )
    if report.culprits:
        yield _section("Culprits", [_culprit(one) for one in report.culprits])
    if report.unattributed:
        yield _section("Unattributed", _unattributed(report.unattributed))
    notes = [*report.notes, *([overhead(report.overhead)] if report.mode == "attach" else [])]
    if notes:
        yield _section("Notes", tag("ul", [tag("li", note) for note in notes], class_="notes"))
    yield _section("Where it ran", _environment(report))


def _section(title: str, *content: Content) -> Markup:
    return tag("section", tag("h2", title), markup(*content))


def _culprit(culprit: Culprit) -> Markup:
    what = f"{culprit.kind}{f', {culprit.what}' if culprit.what else ''}"
    facts = {
        "Grows by": rates(culprit),
        "Held by": culprit.retained_by or "nothing that Python knows",
        "Made at": ", ".join(told(one) for one in culprit.made_at),
        "Started by": told(culprit.brought_about_by) if culprit.brought_about_by else "",
        "Through": told(culprit.library) if culprit.library else "",
        "Scales with": culprit.scales_with,
        "Explains": ", ".join(culprit.explains),
        "Scenario": culprit.scenario,
    }
    return tag(
        "article",
        tag("h3", told(culprit.place)),
        tag("p", tag("span", f"✗ {what}", class_="chip bad"), f" {culprit.confidence} confidence"),
        source(culprit.file, culprit.line),
        tag("dl", [tag("div", tag("dt", name), tag("dd", text), class_="wide") for name, text in facts.items() if text],
            class_="facts"),
        _doses(culprit.scales),
        tag("ul", [tag("li", line) for line in culprit.evidence], class_="notes"),
        _stack(culprit),
        tag("code", culprit.replay, class_="copy"),
    )  # fmt: skip


def source(file: str, line: int) -> Markup | None:
    """The lines around one, which is marked; None where there is no source."""
    try:
        path = Path(file)
        lines = path.read_text(errors="replace").splitlines() if path.stat().st_size <= MOST_SOURCE else []
    except (OSError, ValueError):
        return None
    shown = [
        tag("mark" if number == line else "span", f"{number:>5}  {text[:LONGEST_LINE]}\n")
        for number, text in enumerate(lines, 1)
        if abs(number - line) <= AROUND
    ]
    return tag("pre", tag("code", shown)) if shown else None


def _stack(culprit: Culprit) -> Markup | None:
    if len(culprit.stack) < 2:
        return None
    calls = [tag("li", told(one)) for one in culprit.stack]
    return tag("details", tag("summary", f"{len(calls)} calls, the innermost first"), tag("ol", calls, class_="small"))


def _doses(scales: list[Scale]) -> Markup | None:
    if not scales:
        return None
    columns = [
        Column("Primitive", lambda one: one.primitive),
        *(Column(f"{times} x", partial(_dose, number), figure=True) for number, times in enumerate((1, 2, 4))),
        Column("Outcome", lambda one: "✗ scales" if one.scales else "no"),
    ]  # fmt: skip
    return table("The dose test: how much more there was after so many of each.", columns, scales)


def _dose(number: int, scale: Scale) -> str:
    return f"{scale.doses[number]} gave {scale.grown[number]:g}"


def _unattributed(rows: list[Unattributed]) -> Markup:
    columns = [
        Column("Gauge", lambda one: one.name),
        Column("Scenario", lambda one: one.scenario),
        Column("A cycle", lambda one: amount(one.per_cycle, one.unit), figure=True),
        Column("Why", lambda one: one.why),
    ]
    return table("It grows, and no line can be named for it.", columns, rows)


def _environment(report: ProfileReport) -> Markup:
    facts = {"command": report.command, "started": report.started_at, "seed": report.seed, **report.environment}
    rows = [(name, str(value)) for name, value in facts.items() if value not in ("", None)]
    return table("", [Column("What", lambda row: row[0]), Column("Is", lambda row: short(row[1]))], rows)
