"""The summary of a run in the terminal: verdict, findings, unknown results, and the path of the report."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.text import Text

from mobifai.protocol.plain_text import plain
from soak.gauges.results import FindingResult, GaugeResult, Report
from soak.report.figures import amount, count
from soak.report.next_steps import next_steps
from soak.report.sentences import SIGNS, cycle_word, gain, harness_text, sentence
from soak.report.states import unfilled, unknown
from soak.report.text import one_line
from soak.shell_quoting import quoted

STYLES = {"held": "bold green", "inconclusive": "bold yellow", "unfinished": "bold yellow"}
"""Styles of verdicts. All other verdicts are red."""
MOST_FINDINGS = 20
MOST_NAMES = 8

Piece = tuple[str, str]


def summary(report: Report, place: Path | None = None) -> Text:
    """Return the summary of a report. `place` is the report's directory.

    Its `plain` is the text without styles. Lines are not wrapped, so that commands can be copied.
    """
    text = Text(no_wrap=True, overflow="ignore")
    for line, style in _lines(report, place):
        text.append(plain(line) + "\n", style)
    text.rstrip()
    return text


def _lines(report: Report, place: Path | None) -> Iterator[Piece]:
    yield f"{SIGNS[report.verdict]} {_one_line(sentence(report))}", STYLES.get(report.verdict, "bold red")
    for finding in report.findings[:MOST_FINDINGS]:
        yield from _finding(finding)
    if len(report.findings) > MOST_FINDINGS:
        yield f"  and {len(report.findings) - MOST_FINDINGS} more findings: see the report", ""
    if report.traffic.lost:
        yield f"  {count(report.traffic.lost, 'byte was', 'bytes were')} lost, duplicated or reordered", "red"
    yield from _unknown(report)
    if least := _least(report.gauges):
        yield f"  the smallest leaks that would have been found, for each {cycle_word(report.is_watch)}: {least}", ""
    if place is not None:
        yield f"  report: {quoted(str(place / 'report.html'))}", "bold"
        yield from _next(report, place)


def _next(report: Report, place: Path) -> Iterator[Piece]:
    for step in next_steps(report, place.absolute()):
        yield f"  next, {_one_line(step.why)}{':' if step.command else ''}", "bold"
        if step.command:
            yield f"      {_command(step.command)}", "cyan"


def _finding(finding: FindingResult) -> Iterator[Piece]:
    where = f" in {finding.scenario}" if finding.scenario else ""
    grown = f": {gain(finding)}" if gain(finding) else ""
    yield f"  ✗ {_one_line(f'{finding.kind} {finding.name}{where}{grown}')}", "red"
    if finding.detail:
        yield f"      {_one_line(finding.detail)}", ""
    if finding.replay:
        yield f"      {_command(finding.replay)}", "cyan"


def _unknown(report: Report) -> Iterator[Piece]:
    if idle := unfilled(report):
        yield (
            f"  limits that were not filled, so nothing is known about them: {_names([bound.name for bound in idle])}",
            "yellow",
        )
    for words, names in unknown(report).items():
        yield f"  {_one_line(words)}: {_names(names)}", "yellow"
    if report.harness:
        yield f"  {_one_line(harness_text(report))}", ""
    for note in report.notes[:MOST_NAMES]:
        yield f"  {_one_line(note)}", ""


def _least(gauges: Sequence[GaugeResult]) -> str:
    """Return a text with the smallest leak that would have been found, for each gauge that is not a member of a family.

    If a gauge has different values in several scenarios, the largest is shown.
    """
    worst: dict[str, tuple[float, str]] = {}
    for gauge in gauges:
        if gauge.smallest_leak is not None and ":" not in gauge.name:
            worst[gauge.name] = max(worst.get(gauge.name, (0.0, gauge.unit)), (gauge.smallest_leak, gauge.unit))
    return _names([f"{name} {amount(least, unit)}" for name, (least, unit) in worst.items()])


def _names(names: Sequence[str]) -> str:
    left = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(_one_line(name) for name in names[:MOST_NAMES]) + left


def _command(words: str) -> str:
    """Return a command on one line. Tabs are escaped, because a terminal would expand them."""
    return one_line(words).replace("\t", "\\t")


def _one_line(text: str) -> str:
    return " ".join(text.split())
