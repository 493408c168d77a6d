"""Writes the report during a run. If writing fails, as on a full disk, the run continues, and later attempts catch up.

Owns the queue of unwritten samples.
"""

from collections import deque
from collections.abc import Callable, Iterable

from soak.gauges.gauge import Sample
from soak.gauges.results import Report
from soak.report.directory import ReportDirectory
from soak.report.files import ReportError

MOST_WAITING = 1000
"""Most queued samples; the oldest are dropped first."""


class ReportWriter:
    """The writer of one run's report. `say` prints a line for the user.

    `problem` says why the latest report could not be written; it is None after a success.
    """

    def __init__(self, directory: ReportDirectory, say: Callable[[str], None]) -> None:
        self.problem: str | None = None
        self._directory = directory
        self._say = say
        self._waiting: deque[tuple[str, Sample]] = deque(maxlen=MOST_WAITING)
        self._dropped = 0
        self._failed = ""

    @property
    def notes(self) -> list[str]:
        """Notes for readers of the report: whether writing failed during the run, and how many samples are missing."""
        notes = [f"the report could not be written for some time: {self._failed}"] if self._failed else []
        if self._dropped:
            notes.append(f"{self._dropped} samples are missing from samples.jsonl, because it could not be written")
        return notes

    def write(self, report: Report) -> bool:
        """Write the report and the queued samples. Return whether both were written."""
        try:
            self._directory.write(report)
            self._write_samples()
        except ReportError as error:
            self._fail(error)
            return False
        if self.problem is not None:
            self.problem = None
            self._say("the report is written again, after an error")
        return True

    def append_samples(self, scenario: str, samples: Iterable[Sample]) -> None:
        """Append samples, or queue them until they can be written."""
        for sample in samples:
            self._dropped += len(self._waiting) == MOST_WAITING
            self._waiting.append((scenario, sample))
        try:
            self._write_samples()
        except ReportError as error:
            self._fail(error)

    def _write_samples(self) -> None:
        while self._waiting:
            scenario, sample = self._waiting[0]
            self._directory.append_samples(scenario, [sample])
            self._waiting.popleft()

    def _fail(self, error: ReportError) -> None:
        if self.problem is None:
            self._say(f"{error}; the run continues, and will try again to write the report")
        self.problem = self._failed = str(error)
