"""Writes the report of a run that goes on, also while its disk is full: what can't be written now is written later.

Owns the samples that wait, which are bounded. A failure to write ends no run.
"""

from collections import deque
from collections.abc import Callable, Iterable

from soak.gauges.gauge import Sample
from soak.gauges.results import Report
from soak.report.directory import ReportDirectory
from soak.report.files import ReportError

MOST_WAITING = 1000
"""Samples that wait for room; the oldest are dropped first."""


class ReportWriter:
    """The report directory of one run. `problem` is why the newest report is not there, or None."""

    def __init__(self, directory: ReportDirectory, say: Callable[[str], None]) -> None:
        self.problem: str | None = None
        self._directory = directory
        self._say = say
        self._waiting: deque[tuple[str, Sample]] = deque(maxlen=MOST_WAITING)
        self._dropped = 0
        self._failed = ""

    @property
    def notes(self) -> list[str]:
        """Return notes for a reader of the report."""
        notes = [f"for a while the report could not be written: {self._failed}"] if self._failed else []
        return [*notes, *([f"{self._dropped} samples are not in samples.jsonl"] if self._dropped else [])]

    def write(self, report: Report) -> bool:
        """Write the report and the samples that wait. Return whether that was done."""
        try:
            self._directory.write(report)
            self._write_samples()
        except ReportError as error:
            self._fail(error)
            return False
        if self.problem is not None:
            self.problem = None
            self._say("the report can be written again, and was")
        return True

    def append_samples(self, scenario: str, samples: Iterable[Sample]) -> None:
        """Add samples, as soon as there is room for them."""
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
            self._say(f"{error}; the run goes on and tries again")
        self.problem = self._failed = str(error)
