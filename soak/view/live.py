"""The live view of a run: phase, time left, gauges with sparklines, and findings.

While it is active, it owns the bottom of the terminal. Its last state stays there.
"""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Self, TextIO

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from mobifai.protocol.plain_text import plain
from soak.report.figures import amount, count, counted, duration
from soak.view.lines import GaugeCurve, PlainLines, Progress, ProgressView, exchanged, left, new_findings, speed
from soak.view.sparkline import ASCII_BLOCKS, BLOCKS, sparkline

REFRESH_SECONDS = 0.25
MOST_WIDTH = 120
LEAST_WIDTH = 20
SHOWN_FINDINGS = 5


class LiveView:
    """A `ProgressView` in a terminal. A new phase or finding is drawn immediately, everything else 4 times a second."""

    def __init__(self, console: Console | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console or Console(highlight=False)
        self._clock = clock
        self._drawn = -REFRESH_SECONDS
        self._last: Progress | None = None
        self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="crop", transient=False)

    def update(self, progress: Progress) -> None:
        """Show the progress."""
        last, self._last = self._last, progress
        for finding in new_findings(last, progress):
            self._print(Text.assemble(("found: ", "bold red"), _line(finding)))
        changed = last is None or (last.phase, last.scenario) != (progress.phase, progress.scenario)
        if changed or self._clock() - self._drawn >= REFRESH_SECONDS:
            self._draw()

    def say(self, line: str) -> None:
        """Print a line that stays, above the view."""
        self._print(Text(_line(line)))

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Draw the last state, which stays on the terminal."""
        try:
            self._draw()
        finally:
            self._live.stop()

    def _draw(self) -> None:
        self._drawn = self._clock()
        if self._last is not None:
            self._live.update(ProgressPanel(self._last), refresh=True)

    def _print(self, text: Text) -> None:
        self._console.print(text, soft_wrap=True)


class ProgressPanel:
    """Renders a `Progress` within the terminal's rows and columns."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield rows, cut at the right edge. Gauges that do not fit are only counted."""
        width = min(MOST_WIDTH, max(1, options.max_width))
        blocks = ASCII_BLOCKS if options.ascii_only else BLOCKS
        for text in self.rows(width, max(1, console.size.height - 1), blocks):
            text.no_wrap, text.overflow = True, "crop"
            text.truncate(width, overflow="crop")
            yield text

    def rows(self, width: int, height: int, blocks: str = BLOCKS) -> list[Text]:
        """Return the rows of the view, at most `height`: phase, progress bar, speed, gauges and findings."""
        pace = " · ".join(filter(None, (speed(self._progress), exchanged(self._progress.traffic))))
        top = [self._where(), self._bar(width, blocks), Text(pace, "dim")]
        found = list(self._findings(height))
        room = height - len(top) - len(found)
        return [*top, *_gauges(self._progress.gauges, width, room, blocks), *found][:height]

    def _where(self) -> Text:
        at = self._progress
        more = (_line(at.step), counted(at.counts, at.cycle))
        return Text.assemble(
            (_line(at.phase), "bold"), f" {_line(at.scenario)}".rstrip(), *(f" · {part}" for part in more if part)
        )

    def _bar(self, width: int, blocks: str) -> Text:
        at = self._progress
        times = " · ".join(part for part in (duration(at.elapsed) if at.elapsed else "", left(at)) if part)
        room = min(40, width - len(times) - 1)
        if at.share is None or room < 8:
            return Text(times)
        full, empty = ("#", "-") if blocks == ASCII_BLOCKS else ("━", "─")
        done = round(min(1.0, max(0.0, at.share)) * room)
        return Text.assemble((full * done, "cyan"), (empty * (room - done), "dim"), " ", times)

    def _findings(self, height: int) -> Iterator[Text]:
        found = self._progress.findings
        shown = found[-min(SHOWN_FINDINGS, max(1, height // 4)) :]
        if not found:
            yield Text("no findings so far", "dim")
            return
        yield Text(count(len(found), "finding"), "bold red")
        yield from (Text(f"  {_line(finding)}", "red") for finding in shown)


def _gauges(gauges: tuple[GaugeCurve, ...], width: int, room: int, blocks: str) -> Iterator[Text]:
    """Yield a row for each gauge, for as many gauges as fit."""
    shown = gauges if len(gauges) <= room else gauges[: max(0, room - 1)]
    labels = min(28, width // 2, max((len(_line(gauge.label)) for gauge in shown), default=0))
    for gauge in shown:
        value = _line(amount(gauge.values[-1], gauge.unit)) if gauge.values else ""
        head = f"{_line(gauge.label)[:labels]:<{labels}} {value:>16} "
        yield Text.assemble(head, (sparkline(gauge.values, width - len(head), blocks), "cyan"))
    if len(shown) < len(gauges) and room > 0:
        yield Text(f"and {count(len(gauges) - len(shown), 'gauge')} more", "dim")


def view(
    *, as_json: bool, environ: Mapping[str, str], out: TextIO | None = None, err: TextIO | None = None
) -> ProgressView:
    """Return a live view, or plain lines if the output is no terminal or must have no colours. With `as_json`, the view
    is plain lines on standard error.
    """
    out, err = out or sys.stdout, err or sys.stderr
    if as_json:
        return PlainLines(err)
    if not out.isatty() or environ.get("NO_COLOR") or environ.get("TERM", "") in ("", "dumb", "unknown"):
        return PlainLines(out)
    return LiveView(Console(file=out, highlight=False))


def _line(text: str) -> str:
    return plain(" ".join(text.split()))
