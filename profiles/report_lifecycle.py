"""Writes a command's report when its run begins, updates the report during the run, and completes it at the end.

A run that is killed leaves the latest update, never the report of an earlier run. A full disk does not end a run.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal, Protocol, TypeVar

from mobifai.errors import CommandError
from profiles.progress import print_progress
from profiles.subcommand import FAILED, INTERRUPTED, interruption, reason_of
from soak.option_table import usable
from soak.report.files import ReportError
from soak.report.lock import locked

R = TypeVar("R")
R_contra = TypeVar("R_contra", contravariant=True)

EarlyVerdict = Literal["unfinished", "failed", "inconclusive"]

INTERRUPTION = "the run was interrupted before it could examine everything"


class ReportTarget(Protocol[R_contra]):
    """The interface of a report's directory. Each kind of report (profile, gate) has a class that implements it."""

    path: Path

    def remove_if_empty(self) -> None:
        """Remove the directory if it was created for this run and nothing was written."""

    def begin(self, report: R_contra) -> None:
        """Write the first report of this run in place of the report of an earlier run. Raises ReportError."""

    def write(self, report: R_contra) -> None:
        """Write a later report of this run in place of the previous one. Raises ReportError."""


@dataclass(frozen=True)
class FinalReport(Generic[R]):
    """The final report of a run. `unwritten` says why it could not be written, and is empty if it was written."""

    report: R
    unwritten: str = ""

    def status(self, status: int) -> int:
        """Return the command's exit status, given the `status` of the verdict.

        The two are equal, except that 0 becomes 3 (failure) if the report could not be written.
        """
        return (status or FAILED) if self.unwritten else status


class ReportSaver(Generic[R]):
    """Writes the report so far during a run. Call the object with a report to write it.

    `latest` is the newest of these reports, at the beginning `first`. `as_` is called as `as_(report, verdict, note)`
    and returns a copy of the report with this verdict and note.
    """

    def __init__(self, directory: ReportTarget[R], first: R, as_: Callable[[R, EarlyVerdict, str], R]) -> None:
        self.latest = first
        self._directory = directory
        self._as = as_
        self._failed = False

    def __call__(self, report: R) -> None:
        """Write a copy of the report with the verdict `unfinished`. If that fails, print the error; raise nothing."""
        self.latest = self._as(report, "unfinished", "")
        try:
            self._directory.write(self.latest)
        except ReportError as error:
            if not self._failed:
                print_progress(f"{error}; the run continues, and the report is written at its end")
            self._failed = True
        else:
            self._failed = False

    def end(self, how: EarlyVerdict, why: str) -> R:
        """Return the latest report with the verdict `how`, for a run that ended early for the reason `why`."""
        return self._as(self.latest, how, why)


@contextmanager
def removed_unless_begun(directory: ReportTarget[R]) -> Iterator[None]:
    """Remove the report's directory if an exception leaves this scope, because the command is refused or interrupted.

    The directory is removed only if it was created for this run and is empty.
    """
    try:
        yield
    except BaseException:
        directory.remove_if_empty()
        raise


@contextmanager
def reserve_directory(directory: ReportTarget[R], first: R) -> Iterator[None]:
    """Lock the report's directory for this scope, and write the report `first`.

    From then on, a signal no longer raises KeyboardInterrupt: the run ends with a report. Raises UsageError if another
    process writes to the directory, or if the report can't be written.
    """
    with ExitStack() as scope:
        with removed_unless_begun(directory):
            interruption().hold()
            usable(lambda: scope.enter_context(locked(directory.path)))
            usable(lambda: directory.begin(first))
        yield


def finish_report(directory: ReportTarget[R], saving: ReportSaver[R], make: Callable[[], R]) -> FinalReport[R]:
    """Call `make`, which runs the command and returns the final report, and write this report.

    If `make` fails or is cancelled, write the latest report of `saving` with the reason instead, and raise
    CommandError. If the final report can't be written, nothing is raised: the result says why.
    """
    try:
        report = make()
    except asyncio.CancelledError:
        _write(directory, saving.end("inconclusive", INTERRUPTION))
        raise CommandError("interrupted", INTERRUPTED) from None
    except Exception as error:
        _write(directory, saving.end("failed", f"the run failed: {reason_of(error)}"))
        raise CommandError(reason_of(error), FAILED) from error
    try:
        directory.write(report)
    except ReportError as error:
        return FinalReport(report, str(error))
    return FinalReport(report)


def _write(directory: ReportTarget[R], report: R) -> None:
    with suppress(ReportError):
        directory.write(report)
