"""Records memray windows in the process under test, one at a time. Owns memray's tracker."""

from pathlib import Path
from typing import Any

from mobifai.errors import StateError


class MemoryWindows:
    """Records to a file what this process allocates between `begin` and `end`, which separate requests call."""

    def __init__(self) -> None:
        self._tracker: Any = None

    def begin(self, file: Path, *, native: bool = False) -> None:
        """Start a window that is recorded to `file`, with the frames of C functions if `native` is set.

        Raises StateError if memray can't trace in this process, or if a window is open already.
        """
        if self._tracker is not None:
            raise StateError("expected no open memray window in this process; found one: end it first")
        try:
            import memray  # noqa: PLC0415 - heavy, and not on every platform
        except ImportError as error:
            raise StateError(f"memray can't trace the memory of this process: {error}") from None
        destination = memray.FileDestination(file, overwrite=True)
        tracker = memray.Tracker(
            destination=destination, native_traces=native, file_format=memray.FileFormat.AGGREGATED_ALLOCATIONS
        )
        try:
            tracker.__enter__()
        except RuntimeError as error:  # another tracker is active
            raise StateError(f"memray can't trace the memory of this process: {error}") from None
        self._tracker = tracker

    def end(self) -> None:
        """End the window and complete its file. Idempotent."""
        tracker, self._tracker = self._tracker, None
        if tracker is not None:
            tracker.__exit__(None, None, None)
