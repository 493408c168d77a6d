"""How `run` and `attach` keep and print their report."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import msgspec

from profiles.invocation import command, now, tell
from profiles.next_steps import next_steps
from profiles.report.directory import ProfileDirectory, encoded
from profiles.report.markdown import annotations, markdown
from profiles.report.summary import summary
from profiles.report_lifecycle import How, Saving, begun_in, kept
from profiles.results import EVERYTHING, EVERYTHING_ELSE, EXIT_STATUS, ProfileReport, Settings, Unjudged
from soak.harness.environment import environment
from soak.harness.identity import product
from soak.option_table import usable
from soak.output import rendered, show
from soak.report.github import publish

Save: TypeAlias = Callable[[ProfileReport], None]
"""Writes what is known now."""


def begun(mode: str, seed: int, settings: Settings) -> ProfileReport:
    """The report of a run that has just begun."""
    network = "that of the agent that is looked into" if mode == "attach" else "not set up yet"
    left = [Unjudged(EVERYTHING, "the run had not come to its end")]
    return ProfileReport(
        "unfinished", mode, [], [], seed, 0, 0.0, environment(network), command(), now(),
        settings=settings, unjudged=left, product=product(),
    )  # fmt: skip


def reported(
    first: ProfileReport, make: Callable[[ProfileReport, Save], ProfileReport], place: Path, as_json: bool
) -> int:
    """Make a report of what was begun as `first`, write it, print it; its status. Raises UsageError, CommandError."""
    directory = usable(lambda: ProfileDirectory(place))
    saving = Saving(directory, first, _with_verdict)

    def make_last() -> ProfileReport:
        report = make(first, saving)
        return msgspec.structs.replace(report, next_steps=report.next_steps or next_steps(report, place))

    with begun_in(directory, first):
        told = kept(directory, saving, make_last)
    page = None if told.unwritten else place / "report.html"
    status = told.status(EXIT_STATUS[told.report.verdict])
    status = show(encoded(told.report) if as_json else rendered(summary(told.report, page)), status)
    publish(annotations(told.report), markdown(told.report), as_json=as_json)
    if told.unwritten:
        tell(f"mobifai: {told.unwritten}")
    return status


def _with_verdict(report: ProfileReport, how: How, note: str) -> ProfileReport:
    """A report that is not the last one of its own: `note` says why the rest is not judged."""
    notes = [*([note] if note else []), *report.notes]
    left = [Unjudged(EVERYTHING_ELSE, note)] if note else report.unjudged
    return msgspec.structs.replace(report, verdict=how, notes=notes, unjudged=left)
