"""The report of a run: there from its first moment, renewed while it goes on, and written at its end.

A run that was killed leaves what was known then, and no verdict of an earlier run. A disk that is full ends no run.
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

INTERRUPTION = "it was interrupted: what had not been looked at by then is not known"


class ReportTarget(Protocol[R_contra]):
    """Where reports of one kind go."""

    path: Path

    def remove_if_empty(self) -> None:
        """Remove it where it was made for this run and nothing was written."""

    def begin(self, report: R_contra) -> None:
        """Replace the report of an earlier run. Raises ReportError."""

    def write(self, report: R_contra) -> None:
        """Write a report. Raises ReportError."""


@dataclass(frozen=True)
class FinalReport(Generic[R]):
    """The last report of a run. `unwritten` says why it is not in its directory; empty when it is."""

    report: R
    unwritten: str = ""

    def status(self, status: int) -> int:
        """The exit status, which is never 0 without a report."""
        return (status or FAILED) if self.unwritten else status


class ReportSaver(Generic[R]):
    """Writes what is known while a run goes on. `as_` gives a report another verdict, with a note."""

    def __init__(self, directory: ReportTarget[R], first: R, as_: Callable[[R, EarlyVerdict, str], R]) -> None:
        self.latest = first
        self._directory = directory
        self._as = as_
        self._failed = False

    def __call__(self, report: R) -> None:
        """Write it as unfinished."""
        self.latest = self._as(report, "unfinished", "")
        try:
            self._directory.write(self.latest)
        except ReportError as error:
            if not self._failed:
                print_progress(f"{error}; the run goes on, and the report is written at its end")
            self._failed = True
        else:
            self._failed = False

    def end(self, how: EarlyVerdict, why: str) -> R:
        """What is known, of a run that has ended without a report of its own."""
        return self._as(self.latest, how, why)


@contextmanager
def removed_unless_begun(directory: ReportTarget[R]) -> Iterator[None]:
    """Leave no empty directory behind when the command is refused, or interrupted, in this scope."""
    try:
        yield
    except BaseException:
        directory.remove_if_empty()
        raise


@contextmanager
def reserve_directory(directory: ReportTarget[R], first: R) -> Iterator[None]:
    """Have the directory for a run alone: from now on a signal ends it with a report.

    Raises Usage when another process writes there, or nothing can be written.
    """
    with ExitStack() as scope:
        with removed_unless_begun(directory):
            interruption().hold()
            usable(lambda: scope.enter_context(locked(directory.path)))
            usable(lambda: directory.begin(first))
        yield


def finish_report(directory: ReportTarget[R], saving: ReportSaver[R], make: Callable[[], R]) -> FinalReport[R]:
    """Make the last report and write it. Raises CommandError when there is none of its own."""
    try:
        report = make()
    except asyncio.CancelledError:
        _write(directory, saving.end("inconclusive", INTERRUPTION))
        raise CommandError("it was interrupted", INTERRUPTED) from None
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
