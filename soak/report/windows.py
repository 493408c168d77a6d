"""The folder of a run's memray windows. It keeps the newest windows, within limits on their number and bytes."""

from pathlib import Path

from soak.report.files import ReportError, reason

MOST_WINDOWS = 120
"""Most windows that are kept: two hours of one-minute windows."""
MOST_WINDOW_BYTES = 64 * 10**6
"""Most bytes of all windows together. A window usually has less than 0.2 MB."""


class WindowFolder:
    """The folder `memray` in a report directory. It is created with the first window."""

    def __init__(self, folder: Path, most: int = MOST_WINDOWS, most_bytes: int = MOST_WINDOW_BYTES) -> None:
        self._folder = folder.absolute()  # the agent writes there, and has a working directory of its own
        self._most = most
        self._most_bytes = most_bytes

    def place(self, number: int) -> Path:
        """Return the path for the file of a new window, after removing old windows to make room. Raises ReportError."""
        path = self._folder / f"window-{number:06}.bin"
        try:
            self._folder.mkdir(exist_ok=True)
            path.unlink(missing_ok=True)
            self._trim(self._most - 1)
        except OSError as error:
            raise ReportError(
                f"{self._folder}: can't be written ({reason(error)}); free some space, or use --no-memray"
            ) from None
        return path

    def trim(self) -> None:
        """Remove the oldest windows until both limits are met."""
        self._trim(self._most)

    def clear(self) -> None:
        """Remove all windows."""
        self._trim(0)

    def files(self) -> list[Path]:
        """Return the files of the windows, oldest first."""
        return sorted(self._folder.glob("window-*.bin"))

    def _trim(self, most: int) -> None:
        files = self.files()
        sizes = [file.stat().st_size for file in files]
        while files and (len(files) > most or sum(sizes) > self._most_bytes):
            files.pop(0).unlink(missing_ok=True)
            sizes.pop(0)
