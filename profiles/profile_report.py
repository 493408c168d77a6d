"""Writes and prints the report of `mobifai profile run` and `attach`."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import msgspec

from profiles.invocation import command, timestamp
from profiles.next_steps import next_steps
from profiles.progress import print_progress
from profiles.report.directory import ProfileDirectory, encoded
from profiles.report.markdown import annotations, markdown
from profiles.report.summary import summary
from profiles.report_lifecycle import EarlyVerdict, ReportSaver, finish_report, reserve_directory
from profiles.results import EVERYTHING, EVERYTHING_ELSE, EXIT_STATUS, ProfileReport, ProfileSettings, Unjudged
from soak.harness.environment import environment
from soak.harness.identity import product
from soak.option_table import usable
from soak.output import rendered, show
from soak.report.github import publish

SaveProgress: TypeAlias = Callable[[ProfileReport], None]
"""A function that is called during a run with the report so far, and writes it to the report's directory."""


def initial_report(mode: str, seed: int, settings: ProfileSettings) -> ProfileReport:
    """Return the report of a run that has just begun, with the verdict `unfinished`.

    `mode` is `run`, `from` or `attach`, as in `ProfileReport`.
    """
    network = "that of the examined agent" if mode == "attach" else "not set up yet"
    left = [Unjudged(EVERYTHING, "the run had not finished")]
    return ProfileReport(
        "unfinished", mode, [], [], seed, 0, 0.0, environment(network), command(), timestamp(),
        settings=settings, unjudged=left, product=product(),
    )  # fmt: skip


def run_and_report(
    first: ProfileReport, make: Callable[[ProfileReport, SaveProgress], ProfileReport], place: Path, as_json: bool
) -> int:
    """Call `make` to run the examination, write and print its report, and return the command's exit status.

    `make` gets the report `first` and a function that saves the report so far. It returns the complete report. `place`
    is the directory of the report. With `as_json`, the report is printed as JSON.

    Raises UsageError if the directory can't be used, and CommandError if the run fails or is interrupted.
    """
    directory = usable(lambda: ProfileDirectory(place))
    saving = ReportSaver(directory, first, _with_verdict)

    def make_last() -> ProfileReport:
        report = make(first, saving)
        return msgspec.structs.replace(report, next_steps=report.next_steps or next_steps(report, place))

    with reserve_directory(directory, first):
        final = finish_report(directory, saving, make_last)
    page = None if final.unwritten else place / "report.html"
    status = final.status(EXIT_STATUS[final.report.verdict])
    status = show(encoded(final.report) if as_json else rendered(summary(final.report, page)), status)
    publish(annotations(final.report), markdown(final.report), as_json=as_json)
    if final.unwritten:
        print_progress(f"mobifai: {final.unwritten}")
    return status


def _with_verdict(report: ProfileReport, how: EarlyVerdict, note: str) -> ProfileReport:
    """Return a copy of a report with the verdict `how`.

    `note` is the reason why the rest of the run was not judged. It is empty if the run continues.
    """
    notes = [*([note] if note else []), *report.notes]
    left = [Unjudged(EVERYTHING_ELSE, note)] if note else report.unjudged
    return msgspec.structs.replace(report, verdict=how, notes=notes, unjudged=left)
