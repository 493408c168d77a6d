"""A view whose terminal or pipe may go away: what watches a run must not end it. It draws nothing itself."""

from contextlib import suppress
from typing import Self

from soak.view.lines import Progress, ProgressView


class BestEffortView:
    """Shows with another view as long as there is somewhere to show it."""

    def __init__(self, inner: ProgressView) -> None:
        self._inner = inner

    def update(self, progress: Progress) -> None:
        """Show where it is."""
        with suppress(OSError):
            self._inner.update(progress)

    def say(self, line: str) -> None:
        """Show a line that stays."""
        with suppress(OSError):
            self._inner.say(line)

    def __enter__(self) -> Self:
        with suppress(OSError):
            self._inner.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        """Stop; what was shown stays."""
        with suppress(OSError):
            self._inner.__exit__(*error)
