"""Formats a profile report for GitHub: as Markdown, and as annotations of source lines. Pure."""

from collections.abc import Iterator
from typing import Final

from profiles.report.locations import location_text, rate_text, short_path
from profiles.report.summary import (
    FATES,
    NOBODY,
    SIGNS,
    fate,
    headline,
    identity,
    looked_at,
    parts,
)
from profiles.results import Culprit, ProfileReport, not_judged, step_of
from soak.report.figures import rate
from soak.report.github import Level, annotation
from soak.report.text import markdown_text

MOST_ROWS: Final = 20
"""Maximum number of culprits, and of other entries of each kind, in the Markdown. report.json has all."""


def markdown(report: ProfileReport) -> str:
    """Return the report as Markdown, for the summary of a CI job."""
    lines = [f"### {SIGNS[report.verdict]} {markdown_text(headline(report))}; {looked_at(report)}", ""]
    if report.culprits:
        lines += ["| line | what grows | held by | rate | confidence |", "| --- | --- | --- | --- | --- |"]
        lines += [_row(one) for one in report.culprits[:MOST_ROWS]]
        lines.append("")
    lines += [f"- {markdown_text(sentence)}" for sentence in _sentences(report)]
    for step in report.next_steps:
        lines += ["", f"{markdown_text(step.what)}:", "", f"    {markdown_text(step.command)}"]
    return "\n".join(lines).rstrip() + "\n"


def _row(one: Culprit) -> str:
    what = f"{one.kind}{f', {one.what}' if one.what else ''}"
    cells = (location_text(one.place), what, one.retained_by or NOBODY, rate_text(one), one.confidence)
    return f"| {' | '.join(map(markdown_text, cells))} |"


def _sentences(report: ProfileReport) -> Iterator[str]:
    """Yield the rest of the report, without culprits and next steps, as sentences."""
    for one in report.unattributed[:MOST_ROWS]:
        grows = f"{rate(one.per_cycle, one.unit)} a {step_of(one.scenario)}"
        yield f"? unattributed: {one.name} in {one.scenario}, {grows}: {one.why}"
    yield from (f"{FATES[one.state]} {fate(one)}" for one in report.soak_findings[:MOST_ROWS])
    yield from parts(report)
    yield from (f"? {not_judged(one)}" for one in report.unjudged[:MOST_ROWS])
    yield from report.notes[:MOST_ROWS]
    yield identity(report.product)


def annotations(report: ProfileReport) -> Iterator[str]:
    """Yield GitHub workflow commands: an annotation for each culprit's line, and for a verdict other than `clean`."""
    for one in report.culprits[:MOST_ROWS]:
        message = f"held by {one.retained_by or NOBODY}; {rate_text(one)}; {one.replay}".removesuffix("; ")
        yield annotation("error", f"{one.what or one.kind} grows", message, short_path(one.file), one.line)
    if report.verdict != "clean":
        level: Level = "error" if report.verdict in ("found", "failed") else "warning"
        steps = [f"{step.what}: {step.command}".removesuffix(": ") for step in report.next_steps]
        yield annotation(level, "mobifai profile", "; ".join([headline(report), looked_at(report), *steps]))
