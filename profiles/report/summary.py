"""The end of a hunt in the terminal: who did it, what holds it, how to see it again. It writes no file."""

from collections.abc import Iterator
from pathlib import Path

from rich.text import Text

from mobifai.cli.plain import plain
from profiles.report.places import rates, told
from profiles.results import Culprit, Overhead, ProfileReport, Verdict
from soak.report.figures import amount, byte_count, count, duration

SIGNS: dict[Verdict, str] = {"clean": "✓", "found": "✗", "failed": "!", "inconclusive": "?"}
STYLES: dict[Verdict, str] = {"clean": "bold green", "found": "bold red", "failed": "bold red"}
MOST_CULPRITS = 20
MOST_LINES = 8

Piece = tuple[str, str]


def summary(report: ProfileReport, place: Path | None = None) -> Text:
    """What a person has to know. No line is wrapped, so that commands can be copied."""
    text = Text(no_wrap=True, overflow="ignore")
    for line, style in _lines(report, place):
        text.append(plain(" ".join(line.split()) if not line.startswith(" ") else line) + "\n", style)
    text.rstrip()
    return text


def sentence(report: ProfileReport) -> str:
    """The verdict in one sentence."""
    ran = f"{count(report.cycles, 'cycle')} in {duration(report.duration_s)}"
    if report.verdict == "found":
        left = f", {count(len(report.unattributed), 'gauge')} without one" if report.unattributed else ""
        return f"{count(len(report.culprits), 'culprit')} found{left}; {ran}."
    words = {"clean": "Nothing grows", "failed": "The run itself failed", "inconclusive": "No verdict"}
    return f"{words[report.verdict]}; {ran}."


def _lines(report: ProfileReport, place: Path | None) -> Iterator[Piece]:
    yield f"{SIGNS[report.verdict]} {sentence(report)}", STYLES.get(report.verdict, "bold yellow")
    for culprit in report.culprits[:MOST_CULPRITS]:
        yield from _culprit(culprit)
    if len(report.culprits) > MOST_CULPRITS:
        yield f"  and {len(report.culprits) - MOST_CULPRITS} more: see the report", ""
    for one in report.unattributed[:MOST_CULPRITS]:
        where = f" in {one.scenario}" if one.scenario else ""
        yield f"  ? unattributed: {one.name}{where}, {amount(one.per_cycle, one.unit)} a cycle", "yellow"
        yield f"      {one.why}", ""
    for note in report.notes[:MOST_LINES]:
        yield f"  {note}", ""
    if report.mode == "attach":
        yield f"  {overhead(report.overhead)}", ""
    if place is not None:
        yield f"  report: {place}", "bold"


def _culprit(culprit: Culprit) -> Iterator[Piece]:
    yield f"  ✗ {told(culprit.place)}: {culprit.kind}{f', {culprit.what}' if culprit.what else ''}", "red"
    yield f"      {rates(culprit)}; {culprit.confidence} confidence", ""
    if culprit.retained_by:
        yield f"      held by   {culprit.retained_by}", ""
    if culprit.made_at:
        yield f"      made at   {', '.join(told(one) for one in culprit.made_at[:4])}", ""
    if culprit.brought_about_by is not None:
        yield f"      started by {told(culprit.brought_about_by)}", ""
    if culprit.library is not None:
        yield f"      through   {told(culprit.library)}", ""
    if len(culprit.stack) > 1:
        yield f"      called by {' < '.join(told(one) for one in culprit.stack[1:4])}", ""
    for scale in culprit.scales:
        if scale.scales:
            grown = ", ".join(f"{dose} give {grown:g}" for dose, grown in zip(scale.doses, scale.grown, strict=True))
            yield f"      scales with {scale.primitive}: {grown}", ""
    for line in culprit.evidence[:MOST_LINES]:
        yield f"      · {line}", "dim"
    yield f"      {culprit.replay}", "cyan"


def overhead(cost: Overhead) -> str:
    """What looking cost the process that was looked into."""
    return (
        f"looking took {duration(cost.seconds)}: at most {byte_count(cost.peak_bytes)} for traces, the event loop was "
        f"held up for {1000 * cost.longest_pause_s:.0f} ms at the longest; {byte_count(cost.left_bytes)} and "
        f"{count(cost.left_objects, 'object')} more are there now than before"
    )
