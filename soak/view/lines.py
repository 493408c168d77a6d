"""How far a run is, as a value, and as plain lines for logs: for who reads no live view. It draws nothing."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, Self, TextIO

from mobifai.protocol.plain_text import plain
from soak.gauges.counts import CycleCounts
from soak.gauges.results import TrafficResult
from soak.report.figures import amount, count, counted, duration, number

LINE_SECONDS = 10.0
"""From one line to the next at the beginning of a run."""
LINES_SHARE = 1 / 360
"""After an hour lines come less often: the pause is this share of the time so far, and a day's log is short."""


@dataclass(frozen=True, slots=True)
class GaugeCurve:
    """A gauge as the live view shows it. `values` are the last ones, oldest first, some 60 at most."""

    label: str
    unit: str
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run is. `rate` is in cycles for each second, of whatever kind. `step` is where in its phase it is.

    `share` is what is done, from 0 to 1: of the judged part, or of a confirmation. It and `seconds_left` are None where
    they are not known.
    `findings` has a line for each finding, all of them so far; a view says each once.
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
    """Progress lines of a run."""

    def update(self, progress: Progress) -> None:
        """Show where it is. Cheap: it may be called after every cycle."""

    def say(self, line: str) -> None:
        """Show a line that stays."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None:
        """Stop; what was shown stays."""


class PlainLines:
    """A line when the phase changes, one now and then, findings immediately. A stream that is closed is no error."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._begun = self._told = clock()
        self._last: Progress | None = None
        self._newest = ""

    def update(self, progress: Progress) -> None:
        """Say what is new, and now and then how far it is."""
        last, self._last = self._last, progress
        for finding in new_findings(last, progress):
            self.say(f"found: {finding}")
        if last is None or self._due(last, progress):
            self._told, self._newest = self._clock(), progress_line(progress)
            self.say(self._newest)

    def say(self, line: str) -> None:
        """Write one line immediately."""
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        shown = plain(" ".join(line.split())).encode(encoding, "replace").decode(encoding)
        try:
            self._stream.write(shown + "\n")
            self._stream.flush()
        except (BrokenPipeError, ValueError):  # nobody reads any more: the run and its report go on
            return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Say where it ended, unless that was the last line."""
        if self._last is not None and progress_line(self._last) != self._newest:
            self.say(progress_line(self._last))

    def _due(self, last: Progress, progress: Progress) -> bool:
        if (last.phase, last.scenario) != (progress.phase, progress.scenario):
            return True
        now = self._clock()
        pause = max(LINE_SECONDS, (now - self._begun) * LINES_SHARE)
        return now - self._told >= (pause / 2 if last.step != progress.step else pause)


def new_findings(last: Progress | None, progress: Progress) -> list[str]:
    """The findings that were not there the last time."""
    known = frozenset(last.findings) if last is not None else frozenset()
    return [finding for finding in progress.findings if finding not in known]


def progress_line(progress: Progress) -> str:
    """Where a run is, in one line."""
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
    """The rate of all cycles: `3.2 cycles/s`."""
    return f"{number(progress.rate)} {progress.cycle}s/s" if progress.rate else ""


def left(progress: Progress) -> str:
    """The time that is left, if that is known."""
    seconds = progress.seconds_left
    return "" if seconds is None or seconds < 1 else f"about {duration(seconds)} left"


def exchanged(traffic: TrafficResult) -> str:
    """The account of bytes, short."""
    lost = f", {traffic.lost:,} LOST" if traffic.lost else ""
    return f"{amount(traffic.bytes_sent, 'bytes')} typed, {amount(traffic.bytes_received, 'bytes')} printed{lost}"
