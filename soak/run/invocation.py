"""One invocation of `mobifai soak`, from locking the directory to the exit status. A report exists at all times.

Owns the lock on the report's directory, the signals that end the run, and the run's folder.
"""

import os
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from mobifai.cli.control_client import run
from soak.gauges.results import EXIT_STATUS, Report
from soak.harness.interruption import Interruption, recorded_signals
from soak.harness.temp_run import result_unless_stopped, run_in_temp_folder
from soak.option_table import usable
from soak.output import NOT_WRITTEN, rendered, show
from soak.report.directory import ReportDirectory, encoded
from soak.report.github import publish
from soak.report.job_summary import annotations, markdown
from soak.report.lock import locked
from soak.report.summary import summary
from soak.report.writer import ReportWriter
from soak.run.failures import failure
from soak.run.length_check import too_short
from soak.run.plan import SoakPlan
from soak.run.report_builder import RunInfo, bare_report
from soak.run.runner import SoakRunner
from soak.view.best_effort import BestEffortView
from soak.view.lines import ProgressView
from soak.view.live import view


@dataclass(frozen=True)
class Invocation:
    """One run of `mobifai soak`: its locked report directory, and the signals that end the run (`stops`)."""

    directory: ReportDirectory
    stops: Interruption
    as_json: bool

    def drive(self, plan: SoakPlan, info: RunInfo, earlier: Report | None) -> int:
        """Carry out a plan, and return the exit status. For a resumed run, `earlier` is the report that it continues.

        Raises OptionsError if no report can be written.
        """

        async def driven(folder: Path, writer: ReportWriter, shown: ProgressView) -> Report:
            runner = SoakRunner(plan, info, self.directory, shown, folder, earlier, writer)
            async with self.stops.event() as stop:
                return await runner.run(stop)

        def job(writer: ReportWriter, shown: ProgressView) -> Report:
            for line in too_short(plan) if earlier is None else ():
                shown.say(line)
            return run_in_temp_folder(lambda folder: driven(folder, writer, shown))

        return self._whole(info, earlier, job)

    def watch(self, state_dir: Path, seconds: float | None, info: RunInfo) -> int:
        """Watch the running agent of a state directory for `seconds`, and return the exit status.

        Raises OptionsError if no report can be written.
        """
        from soak.run.watch import Watch  # noqa: PLC0415 - other runs do not need it

        async def watched(writer: ReportWriter, shown: ProgressView) -> Report:
            async with self.stops.event() as stop:
                return await Watch(state_dir, seconds, info, shown).run(stop, writer)

        return self._whole(info, None, lambda writer, shown: run(watched(writer, shown)))

    def self_test(self, test: Callable[[Path], Coroutine[Any, Any, int]]) -> int:
        """Run `test` in a temporary folder, after removing an earlier report. Return its exit status."""
        usable(self.directory.clear)
        return run_in_temp_folder(
            lambda folder: result_unless_stopped(test(folder), EXIT_STATUS["inconclusive"], self.stops)
        )

    def _whole(self, info: RunInfo, earlier: Report | None, job: Callable[[ReportWriter, ProgressView], Report]) -> int:
        first = bare_report(info, earlier, finished=False)
        usable(lambda: self.directory.begin(first, keep_samples=earlier is not None))
        with BestEffortView(view(as_json=self.as_json, environ=os.environ)) as shown:
            writer = ReportWriter(self.directory, shown.say)
            try:
                report = job(writer, shown)
            except Exception as error:
                found = [failure(error, "", info.command)]
                report = bare_report(info, earlier, finished=True, findings=found)
                writer.write(report)
        return self._end(report, writer.problem)

    def _end(self, report: Report, problem: str | None) -> int:
        shown = encoded(report) if self.as_json else rendered(summary(report, self.directory.path))
        status = show(shown, EXIT_STATUS[report.verdict])
        page = markdown(report, self.directory.path)
        with suppress(OSError):  # a closed output changes no verdict
            publish(annotations(report), page, as_json=self.as_json)
        if problem is not None:
            with suppress(OSError):
                click.echo(f"mobifai: {problem}; the verdict is not in a file", err=True)
        return status if problem is None else status or NOT_WRITTEN


@contextmanager
def invocation(directory: ReportDirectory, *, as_json: bool) -> Iterator[Invocation]:
    """Lock the directory within a scope and yield the invocation. Raises ReportError if another run has locked the
    directory.
    """
    with recorded_signals() as stops, locked(directory.path, "report.json", "self-test.json"):
        yield Invocation(directory, stops, as_json)
