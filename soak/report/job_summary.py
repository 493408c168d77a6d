"""A report as Markdown for the page of a CI job, and as annotations."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from soak.gauges.results import FindingResult, Report, SoakVerdict
from soak.report.figures import counted, duration, projection, rate
from soak.report.github import MOST_ANNOTATIONS, Level, annotation
from soak.report.next_steps import next_steps
from soak.report.sentences import SIGNS, harness_text, product_text, sentence
from soak.report.states import SIGNS as STATE_SIGNS
from soak.report.states import state_text, unfilled, unknown
from soak.report.text import markdown_text, one_line

MOST_ROWS: Final = 50
MOST_NAMES: Final = 20

LEVELS: Final[dict[SoakVerdict, Level]] = {"inconclusive": "warning", "unfinished": "warning"}
"""Levels of annotations by verdict. All other verdicts except `held` are errors."""


def markdown(report: Report, place: Path) -> str:
    """Return a report as Markdown: verdict, findings with their commands, counts, unknown results, next steps."""
    return "\n".join([*_page(report, place)]) + "\n"


def _page(report: Report, place: Path) -> Iterator[str]:
    yield f"### {SIGNS[report.verdict]} {markdown_text(sentence(report))}"
    yield ""
    if report.findings:
        yield from _findings(report.findings)
    if report.scenarios:
        yield from _scenarios(report)
    yield from (f"- {markdown_text(line)}" for line in _unknown(report))
    for step in next_steps(report, place.absolute()):
        yield f"- next, {markdown_text(step.why)}" + (f": {_code(step.command)}" if step.command else "")


def _findings(findings: Sequence[FindingResult]) -> Iterator[str]:
    yield "| found | where | a cycle | in 24 h | reproduce it |"
    yield "| --- | --- | ---: | ---: | --- |"
    for one in findings[:MOST_ROWS]:
        rates = (one.per_cycle, rate), (one.per_24h, projection)
        grown = [shown(value, one.unit) if value else "" for value, shown in rates]
        cells = [f"✗ {one.kind} {one.name}", one.scenario or "everywhere", *grown]
        command = _code(one.replay).replace("|", r"\|")
        yield f"| {' | '.join(map(markdown_text, cells))} | {command} |"
    if len(findings) > MOST_ROWS:
        yield f"| and {len(findings) - MOST_ROWS:,} more | | | | |"
    yield ""


def _scenarios(report: Report) -> Iterator[str]:
    yield "| scenario | outcome | ran | time |"
    yield "| --- | --- | --- | ---: |"
    for one in report.scenarios:
        cells = [one.name, f"{STATE_SIGNS[one.state]} {state_text(one)}", counted(one.counts), duration(one.duration_s)]
        yield f"| {' | '.join(map(markdown_text, cells))} |"
    yield ""


def _unknown(report: Report) -> Iterator[str]:
    if idle := unfilled(report):
        yield f"limits that were not filled, so nothing is known about them: {_names([one.name for one in idle])}"
    for words, names in unknown(report).items():
        yield f"{words}: {_names(names)}"
    if report.harness:
        yield harness_text(report)
    yield from report.notes[:MOST_NAMES]
    yield f"mobifai {product_text(report.product)}; seed {report.seed}"


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more


def _code(command: str) -> str:
    """Return a command as Markdown code, or an empty text if there is no command.

    The code is between runs of backticks that are longer than any run within the command.
    """
    shown = one_line(command)
    longest = max(map(len, re.findall("`+", shown)), default=0)
    fence, blank = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{blank}{shown}{blank}{fence}" if command else ""


def annotations(report: Report) -> Iterator[str]:
    """Yield an annotation for the verdict and for each of the first findings. If everything held, yield none."""
    if report.verdict == "held":
        return
    level = LEVELS.get(report.verdict, "error")
    yield annotation(level, "mobifai soak", sentence(report))
    for one in report.findings[: MOST_ANNOTATIONS - 1]:
        where = f" in {one.scenario}" if one.scenario else ""
        again = f"; reproduce it with: {one.replay}" if one.replay else ""
        yield annotation("error", f"{one.kind} {one.name}{where}", f"{one.detail}{again}")
