"""The report of a command: there from its first moment, renewed while it goes on, written and printed at its end.

Owns the report directory for the length of a run. A run that was killed leaves what was known then, and no verdict of
an earlier run.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

import msgspec

from mobifai.errors import CommandError, MobiFaiError
from profiles.invocation import command, now, tell
from profiles.next_steps import next_steps
from profiles.report.directory import ProfileDirectory, encoded
from profiles.report.markdown import annotations, markdown
from profiles.report.summary import summary
from profiles.results import EXIT_STATUS, ProfileReport, Settings, Unjudged
from profiles.subcommand import FAILED, interruption, reason_of, rendered, show
from soak.harness.environment import environment
from soak.harness.identity import product
from soak.option_table import Usage
from soak.report.files import ReportError
from soak.report.github import publish

Save: TypeAlias = Callable[[ProfileReport], None]
"""Writes what is known now."""


def begun(mode: str, seed: int, settings: Settings) -> ProfileReport:
    """The report of a run that has just begun."""
    network = "that of the agent that is looked into" if mode == "attach" else "not set up yet"
    left = [Unjudged("everything", "the run had not come to its end")]
    return ProfileReport(
        "unfinished", mode, [], [], seed, 0, 0.0, environment(network), command(), now(),
        settings=settings, unjudged=left, product=product(),
    )  # fmt: skip


def reported(
    first: ProfileReport, make: Callable[[ProfileReport, Save], ProfileReport], place: Path, as_json: bool
) -> int:
    """Make a report of what was begun as `first`, write it, print it; its status. Raises Usage, CommandError."""
    try:
        directory = ProfileDirectory(place)
        interruption().hold()
        directory.begin(first)
    except MobiFaiError as error:
        raise Usage(str(error)) from None
    saving = Saving(directory, first)
    try:
        report = make(first, saving)
        report = msgspec.structs.replace(report, next_steps=next_steps(report, place))
    except Exception as error:
        with suppress(ReportError):
            directory.write(_failed(saving.latest, error))
        raise CommandError(reason_of(error), FAILED) from error
    return _end(report, directory, as_json)


def _failed(known: ProfileReport, error: Exception) -> ProfileReport:
    notes = [f"the run failed: {reason_of(error)}", *known.notes]
    return msgspec.structs.replace(known, verdict="failed", notes=notes)


class Saving:
    """Writes a report that is not the last one. A disk that is full does not end the run."""

    def __init__(self, directory: ProfileDirectory, first: ProfileReport) -> None:
        self.latest = first
        self._directory = directory
        self._failed = False

    def __call__(self, report: ProfileReport) -> None:
        """Write it as unfinished."""
        self.latest = msgspec.structs.replace(report, verdict="unfinished")
        try:
            self._directory.write(self.latest)
        except ReportError as error:
            if not self._failed:
                tell(f"{error}; the run goes on, and the report is written at its end")
            self._failed = True
        else:
            self._failed = False


def _end(report: ProfileReport, directory: ProfileDirectory, as_json: bool) -> int:
    """Write and print it. A run without a report has no status of 0."""
    status, unwritten = EXIT_STATUS[report.verdict], ""
    try:
        directory.write(report)
    except ReportError as error:
        status, unwritten = status or FAILED, str(error)
    place = None if unwritten else directory.path / "report.html"
    status = show(encoded(report) if as_json else rendered(summary(report, place)), status)
    publish(annotations(report), markdown(report), as_json=as_json)
    if unwritten:
        tell(f"mobifai: {unwritten}")
    return status
