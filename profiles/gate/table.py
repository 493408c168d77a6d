"""Formats the gate's report with a short table, for a terminal and as Markdown. Pure.

If all figures of a family pass, the table has only the one that comes closest to its allowed value.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from rich.text import Text

from profiles.gate.figures import FIGURES
from profiles.gate.results import FigureRow, GateCoverage, GateReport, GateVerdict, RowVerdict
from profiles.gate.side_text import describe_sides, short_side_text
from profiles.report.locations import location_text
from profiles.results import EVERYTHING, Unjudged, not_judged
from soak.report.figures import amount, count, duration, rate
from soak.report.text import markdown_text, one_line

HEADLINES: Final[dict[GateVerdict, str]] = {
    "passed": "Memory does not grow",
    "grown": "Memory grows",
    "failed": "The run itself failed",
    "inconclusive": "No verdict",
    "unfinished": "No verdict yet: the run continues, or was killed",
}
SIGNS: Final[dict[GateVerdict, str]] = {
    "passed": "✓",
    "grown": "✗",
    "failed": "!",
    "inconclusive": "?",
    "unfinished": "?",
}
STYLES: Final[dict[GateVerdict, str]] = {"passed": "bold green", "grown": "bold red", "failed": "bold red"}
MARKS: Final[dict[RowVerdict, str]] = {"ok": "✓", "grown": "✗", "accepted": "·", "unjudged": "?"}
COLOURS: Final[dict[RowVerdict, str]] = {"grown": "red", "accepted": "yellow", "unjudged": "yellow"}
COLUMNS: Final = ("", "figure", "base", "now", "change", "allowed")
MOST_FINDINGS: Final = 4
MOST_CULPRITS: Final = 3
NOTHING: Final = "-"


class TableLine(NamedTuple):
    """One row of the table: its verdict, its cells as text, and a note to show after the cells."""

    verdict: RowVerdict
    cells: tuple[str, ...]
    note: str


def headline(report: GateReport) -> str:
    """Return the verdict of a report in one line, with both sides. If there is no verdict, the line has the reason."""
    if report.base.kind == "itself" and report.verdict == "passed":
        return (
            f"Figures of {short_side_text(report.now)} were stored: no limit was exceeded and nothing grows; memory at "
            f"rest was compared with nothing; {duration(report.duration_s)}."
        )
    found = len(report.findings) + len(report.grown)
    by_then = f", {count(found, 'finding')} by then" if found and report.verdict == "inconclusive" else ""
    sides = f"{short_side_text(report.now)}, compared with {short_side_text(report.base)}"
    reasons = [f"; {not_judged(one)}" for one in all_unjudged(report)[:1]]
    why = reasons if report.verdict == "inconclusive" else []
    took = f"; {duration(report.duration_s)}" if report.duration_s else ""
    return f"{HEADLINES[report.verdict]}{by_then}: {sides}{''.join(why)}{took}."


def all_unjudged(report: GateReport) -> list[Unjudged]:
    """Return everything that a run did not judge: parts of the run, and figures at rest."""
    rows = [Unjudged(row.name, row.note) for row in report.rows if row.verdict == "unjudged"]
    return [*report.unjudged, *rows]


def table(report: GateReport) -> list[TableLine]:
    """Return the rows of the table: figures at rest, limits, growth in each scenario, and what was not judged."""
    lines = [_line(row) for row in _shown(report.rows)]
    said = () if report.verdict != "inconclusive" else (EVERYTHING,)  # the headline says it
    return [*lines, *_contracts(report), *(_unjudged_line(one) for one in report.unjudged if one.what not in said)]


def _unjudged_line(one: Unjudged) -> TableLine:
    return TableLine("unjudged", (one.what, "", f"not judged: {one.why}", "", ""), "")


def _shown(rows: Iterable[FigureRow]) -> Iterator[FigureRow]:
    families: dict[str, list[FigureRow]] = {name: [] for name in FIGURES}
    for row in rows:
        families[row.name.partition(":")[0]].append(row)
    for members in families.values():
        telling = [row for row in members if row.verdict != "ok"]
        yield from telling or sorted(members, key=_used_up)[-1:]


def _used_up(row: FigureRow) -> float:
    """Return a figure's growth beyond the base as a share of its allowed growth. 1 means that it has used all of it."""
    if row.base is None or row.now is None or row.allowed is None:
        return 0.0
    return (row.now - row.base) / max(row.allowed - row.base, 1e-9)


def _line(row: FigureRow) -> TableLine:
    def shown(value: float | None) -> str:
        return NOTHING if value is None else amount(value, row.unit)

    base = row.base or 0
    change = NOTHING if row.base is None or row.now is None else rate(row.now - base, row.unit)
    allowed = NOTHING if row.allowed is None else rate(row.allowed - base, row.unit)
    note = f"not judged: {row.note}" if row.verdict == "unjudged" else row.note
    return TableLine(row.verdict, (row.name, shown(row.base), shown(row.now), change, allowed), note)


def _contracts(report: GateReport) -> Iterator[TableLine]:
    """Yield the rows without figures at rest: one for the limits, and one for the growth in each scenario."""
    if report.checked:
        yield _limits(report)
    for one in report.checked:
        yield _slopes(one, report)


def _limits(report: GateReport) -> TableLine:
    """Return the table's row for the limits.

    The row states how many limits were filled, because only these were tested.
    """
    breached = [one for one in report.findings if one.kind == "bound"]
    if breached:
        return TableLine("grown", ("limits", "", f"{count(len(breached), 'limit')} exceeded", "", ""), "")
    bounds = max(one.bounds for one in report.checked)
    filled = {name for one in report.checked for name in one.filled}
    of_them = f"{len(filled)} of them {'was' if len(filled) == 1 else 'were'} filled"
    return TableLine("ok", ("limits", "", f"none of {count(bounds, 'limit')} exceeded; {of_them}", "", ""), "")


def _slopes(one: GateCoverage, report: GateReport) -> TableLine:
    rising = [found for found in report.findings if found.scenario == one.scenario and found.kind != "bound"]
    before = [found for found in report.also_in_base if found.scenario == one.scenario]
    also_in_base = f"; {count(len(before), 'gauge')} of the base too" if before else ""
    of = f"of {count(one.gauges, 'gauge')} in {count(one.cycles, 'cycle')} after {one.warm_up_cycles:,} of warm-up"
    summary = f"{len(rising) or 'none'} {of} {'rise' if len(rising) > 1 else 'rises'}{also_in_base}"
    verdict: RowVerdict = "grown" if rising else "ok"
    return TableLine(verdict, (f"slopes:{one.scenario}", "", summary, "", ""), "" if rising else _resolution(one))


def _resolution(one: GateCoverage) -> str:
    """Return a text with the smallest leaks per cycle that the run would have found in a scenario, or "" if unknown."""
    leaks = [(one.smallest_leak_objects, "objects"), (one.smallest_leak_bytes, "bytes")]
    shown = [amount(value, unit) for value, unit in leaks if value is not None]
    return f"a leak of {' or '.join(shown)} a cycle would have been found" if shown else ""


def summary(report: GateReport) -> Text:
    """Return the report as styled text for a terminal: verdict, culprits, table and details.

    Lines are neither wrapped nor cut, so that commands can be copied.
    """
    text = Text(no_wrap=True, overflow="ignore")
    text.append(f"{SIGNS[report.verdict]} {headline(report)}\n", STYLES.get(report.verdict, "bold yellow"))
    for sentence, colour in culprits(report):
        text.append(f"  {one_line(sentence)}\n", colour)
    lines = table(report)
    if lines:
        widths = _widths(lines)
        text.append(f"    {_row(COLUMNS[1:], widths)}\n", "dim")
        for line in lines:
            text.append(f"  {MARKS[line.verdict]} {_line_text(line, widths)}\n", COLOURS.get(line.verdict, ""))
    for sentence, colour in sentences(report):
        text.append(f"  {one_line(sentence)}\n", colour)
    text.rstrip()
    return text


def _widths(lines: Iterable[TableLine]) -> list[int]:
    """Return the width of each column of the table. Cells with sentences in place of figures do not count."""
    rows = [COLUMNS[1:], *(line.cells if line.cells[1] else (line.cells[0], "", "", "", "") for line in lines)]
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def _line_text(line: TableLine, widths: Sequence[int]) -> str:
    shown = _row(line.cells, widths) if line.cells[1] else f"{line.cells[0]:<{widths[0]}}  {line.cells[2]}"
    return f"{shown.rstrip()}  {one_line(line.note)}".rstrip()


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = (
        f"{cell:<{width}}" if not place else f"{cell:>{width}}"
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join([first, *others])


def culprits(report: GateReport) -> Iterator[tuple[str, str]]:
    """Yield (text, style) for the first culprits, each line of code that keeps more memory at rest, and each next step.

    The text of a next step is its purpose, with its command if it has one.
    """
    for culprit in report.culprits[:MOST_CULPRITS]:
        held = f", held by {culprit.retained_by}" if culprit.retained_by else ""
        yield f"→ {location_text(culprit.place)}: {culprit.what or culprit.kind}{held}", "bold red"
    for line in report.lines:
        what = line.why or line.text
        yield f"→ {line.file}:{line.line}: {rate(line.more_bytes, 'bytes')} at rest, {what}", "bold red"
    for step in report.next_steps:
        yield f"{step.what}: {step.command}".removesuffix(": "), "cyan"


def sentences(report: GateReport) -> Iterator[tuple[str, str]]:
    """Yield (text, style) for each finding, each note and each line of the description of both sides."""
    for finding in report.findings[:MOST_FINDINGS]:
        where = f"{finding.scenario}: " if finding.scenario else ""
        yield f"✗ {where}{finding.detail}", "red"
    if len(report.findings) > MOST_FINDINGS:
        yield f"  and {len(report.findings) - MOST_FINDINGS:,} more findings: see report.json", ""
    for finding in report.also_in_base[:MOST_FINDINGS]:
        yield f"· the base has this too: {finding.scenario}: {finding.detail}", "yellow"
    for note in report.notes:
        yield f"· {note}", ""
    yield from ((line, "dim") for line in describe_sides(report))


def markdown(report: GateReport) -> str:
    """Return the report as Markdown, for report.md and for the summary of a CI job."""
    lines = table(report)
    page = [f"### {SIGNS[report.verdict]} {markdown_text(headline(report))}", ""]
    page += [f"- {markdown_text(sentence)}" for sentence, _ in culprits(report)]
    page += [""] if len(page) > 2 else []
    if lines:
        page += [f"| {' | '.join(COLUMNS)} | |", "| --- | --- | ---: | ---: | ---: | ---: | --- |"]
        page += [
            f"| {MARKS[line.verdict]} | {' | '.join(map(markdown_text, (*line.cells, line.note)))} |" for line in lines
        ]
        page.append("")
    page += [f"- {markdown_text(sentence.strip())}" for sentence, _ in sentences(report)]
    return "\n".join(page).rstrip() + "\n"
