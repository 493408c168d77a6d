"""The progress of a run as a value, and as plain lines for logs."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, Self, TextIO

from mobifai.protocol.plain_text import plain
from soak.gauges.counts import CycleCounts
from soak.gauges.results import TrafficResult
from soak.report.figures import amount, count, counted, duration, number

LINE_SECONDS = 10.0
"""Seconds between two lines of progress at the start of a run."""
LINES_SHARE = 1 / 360
"""After an hour, the time between two lines is this share of the elapsed time, so that the log of a day is short."""


@dataclass(frozen=True, slots=True)
class GaugeCurve:
    """The recent values of a gauge, for the live view: about 60 at most, oldest first."""

    label: str
    unit: str
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a run. `rate` is in cycles of any kind per second. `step` is the position within the phase.

    `cycle` is the noun for a cycle. `share` is the completed share of the judged part or of a confirmation, from 0 to
    1. `share` and `seconds_left` are None if unknown. `findings` has a line for each finding so far; a view shows each
    finding once.
    """

    phase: str
    scenario: str
    counts: CycleCounts
    rate: float
    step: str = ""
    cycle: str = "cycle"
    seconds_left: float | None = None
    elapsed: float = 0
    share: float | None = None
    gauges: tuple[GaugeCurve, ...] = ()
    findings: tuple[str, ...] = ()
    traffic: TrafficResult = field(default_factory=TrafficResult)


class ProgressView(Protocol):
    """A view of the progress of a run."""

    def update(self, progress: Progress) -> None:
        """Show the progress. Called after every cycle, so it must be cheap."""

    def say(self, line: str) -> None:
        """Print a line that later progress does not overwrite."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None:
        """Stop updating the view. Its output stays."""


class PlainLines:
    """Writes a line for each new phase and finding, and a line of progress periodically. Ignores a closed stream."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._begun = self._last_shown = clock()
        self._last: Progress | None = None
        self._newest = ""

    def update(self, progress: Progress) -> None:
        """Write new findings immediately, and the progress if it is due."""
        last, self._last = self._last, progress
        for finding in new_findings(last, progress):
            self.say(f"found: {finding}")
        if last is None or self._due(last, progress):
            self._last_shown, self._newest = self._clock(), progress_line(progress)
            self.say(self._newest)

    def say(self, line: str) -> None:
        """Write one line."""
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        shown = plain(" ".join(line.split())).encode(encoding, "replace").decode(encoding)
        try:
            self._stream.write(shown + "\n")
            self._stream.flush()
        except (BrokenPipeError, ValueError):  # the reader is gone; the run continues
            return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Write the final progress, unless the last line shows it already."""
        if self._last is not None and progress_line(self._last) != self._newest:
            self.say(progress_line(self._last))

    def _due(self, last: Progress, progress: Progress) -> bool:
        if (last.phase, last.scenario) != (progress.phase, progress.scenario):
            return True
        now = self._clock()
        pause = max(LINE_SECONDS, (now - self._begun) * LINES_SHARE)
        return now - self._last_shown >= (pause / 2 if last.step != progress.step else pause)


def new_findings(last: Progress | None, progress: Progress) -> list[str]:
    """Return the findings in `progress` that are not in `last`."""
    known = frozenset(last.findings) if last is not None else frozenset()
    return [finding for finding in progress.findings if finding not in known]


def progress_line(progress: Progress) -> str:
    """Return the progress as one line."""
    parts = [
        ", ".join(
            part for part in (" ".join(filter(None, (progress.phase, progress.scenario))), progress.step) if part
        ),
        counted(progress.counts, progress.cycle),
        speed(progress),
        left(progress),
        exchanged(progress.traffic),
        count(len(progress.findings), "finding") if progress.findings else "",
    ]
    return "; ".join(part for part in parts if part)


def speed(progress: Progress) -> str:
    """Return the number of cycles of any kind per second: `3.2 cycles/s`. The text is empty if there are none."""
    return f"{number(progress.rate)} {progress.cycle}s/s" if progress.rate else ""


def left(progress: Progress) -> str:
    """Return a text for the time left: `about 3 min 20 s left`. It is empty if the time is unknown."""
    seconds = progress.seconds_left
    return "" if seconds is None or seconds < 1 else f"about {duration(seconds)} left"


def exchanged(traffic: TrafficResult) -> str:
    """Return a short text for the traffic: `1.2 MB typed, 3.4 MB printed`."""
    lost = f", {traffic.lost:,} LOST" if traffic.lost else ""
    return f"{amount(traffic.bytes_sent, 'bytes')} typed, {amount(traffic.bytes_received, 'bytes')} printed{lost}"
