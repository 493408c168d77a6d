"""memray inside the process under test: one aggregated window at a time. Owns the tracker and takes it off."""

from pathlib import Path
from typing import Any

from mobifai.errors import StateError


class MemoryWindows:
    """Traces allocations between `begin` and `end` into a file; both may come from different questions."""

    def __init__(self) -> None:
        self._tracker: Any = None

    def begin(self, file: Path, *, native: bool = False) -> None:
        """Start a window, with the frames of C functions if `native`. Raises StateError when it can't be."""
        if self._tracker is not None:
            raise StateError("a window is open already; end it first")
        try:
            import memray  # noqa: PLC0415 - heavy, and not on every platform
        except ImportError as error:
            raise StateError(f"memory can't be traced here: {error}") from None
        destination = memray.FileDestination(file, overwrite=True)
        tracker = memray.Tracker(
            destination=destination, native_traces=native, file_format=memray.FileFormat.AGGREGATED_ALLOCATIONS
        )
        try:
            tracker.__enter__()
        except RuntimeError as error:  # one of somebody else's is at work
            raise StateError(f"memory can't be traced here: {error}") from None
        self._tracker = tracker

    def end(self) -> None:
        """End the window, whose file is whole then. Twice changes nothing."""
        tracker, self._tracker = self._tracker, None
        if tracker is not None:
            tracker.__exit__(None, None, None)
