"""memray windows between judged blocks: when the next one is due, its file, and the lines that kept most memory in it.

Owns the numbers of the windows. The report directory owns their files.
"""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from soak.gauges.leaked_lines import leaked_lines
from soak.report.windows import WindowFolder
from soak.run.scenario_run import ScenarioRun

WINDOW_SECONDS = 60.0
WINDOW_EVERY = 600.0
"""Seconds between two windows. Each scenario also has a window at the end."""

NOT_THERE = "memray is not available on this platform, so there are no memory windows"


class MemoryTracing:
    """The memray windows of one run. `on` says whether windows are recorded.

    `found` has a row for each line that kept memory in a window; the rows of the newest window are last.
    """

    def __init__(self, windows: WindowFolder, wanted: bool, elapsed: Callable[[], float]) -> None:
        self.on = wanted and find_spec("memray") is not None
        self.notes = [NOT_THERE] if wanted and not self.on else []
        self.found: list[dict[str, Any]] = []  # bounded by MOST_ROWS
        self.taken = len(windows.files())
        self._windows = windows
        self._elapsed = elapsed
        self._last = 0.0

    @property
    def due(self) -> bool:
        """Whether to record a window now: tracing is on, and the last window is at least WINDOW_EVERY seconds ago."""
        return self.on and self._elapsed() - self._last >= WINDOW_EVERY

    async def take(self, run: ScenarioRun, seconds: float, on_progress: Callable[[str], None]) -> None:
        """Record a window of one scenario run for about `seconds`, and add its lines to `found`. Raises ReportError,
        and whatever a cycle raises.
        """
        self._last = began = self._elapsed()
        file = self._windows.place(self.taken)
        self.taken += 1
        await run.traced(file, seconds, on_progress)
        self._windows.trim()
        window = {"scenario": run.scenario.name, "at": round(began, 1), "seconds": round(self._elapsed() - began, 1)}
        lines = await leaked_lines(file, run.target.folder)
        self.found = [*self.found, *({**window, **line} for line in lines)][-MOST_ROWS:]


MOST_ROWS = 200
"""Most stored rows: those of about twenty windows."""
