"""A view that does not fail when its terminal or pipe is lost, so that the run continues."""

from contextlib import suppress
from typing import Self

from soak.view.lines import Progress, ProgressView


class BestEffortView:
    """A view that passes everything to another view and ignores the output errors of that view."""

    def __init__(self, inner: ProgressView) -> None:
        self._inner = inner

    def update(self, progress: Progress) -> None:
        """Pass the progress to the other view."""
        with suppress(OSError):
            self._inner.update(progress)

    def say(self, line: str) -> None:
        """Let the other view print a line that later progress does not overwrite."""
        with suppress(OSError):
            self._inner.say(line)

    def __enter__(self) -> Self:
        with suppress(OSError):
            self._inner.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        """Leave the other view, whose output stays on the terminal."""
        with suppress(OSError):
            self._inner.__exit__(*error)
