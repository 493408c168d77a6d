"""memray's windows of a run: a folder that keeps the newest, at most so many and so many bytes. It records nothing."""

from pathlib import Path

from soak.report.files import ReportError, reason

MOST_WINDOWS = 120
"""Two hours of windows of a minute."""
MOST_WINDOW_BYTES = 64 * 10**6
"""An aggregated window has less than 0.2 MB; one that has more pushes out older ones."""


class WindowFolder:
    """The folder `memray` of a report directory; it is made when the first window is."""

    def __init__(self, folder: Path, most: int = MOST_WINDOWS, most_bytes: int = MOST_WINDOW_BYTES) -> None:
        self._folder = folder.absolute()  # the agent writes there, and has a working directory of its own
        self._most = most
        self._most_bytes = most_bytes

    def place(self, number: int) -> Path:
        """Where the window `number` goes: a path with no file. Older windows make room. Raises ReportError."""
        path = self._folder / f"window-{number:06}.bin"
        try:
            self._folder.mkdir(exist_ok=True)
            path.unlink(missing_ok=True)
            self._trim(self._most - 1)
        except OSError as error:
            raise ReportError(
                f"{self._folder}: can't be written ({reason(error)}); make room or use --no-memray"
            ) from None
        return path

    def trim(self) -> None:
        """Remove the oldest windows until the number and the bytes are within bounds."""
        self._trim(self._most)

    def clear(self) -> None:
        """Remove what an earlier run left."""
        self._trim(0)

    def files(self) -> list[Path]:
        """The windows there are, oldest first."""
        return sorted(self._folder.glob("window-*.bin"))

    def _trim(self, most: int) -> None:
        files = self.files()
        sizes = [file.stat().st_size for file in files]
        while files and (len(files) > most or sum(sizes) > self._most_bytes):
            files.pop(0).unlink(missing_ok=True)
            sizes.pop(0)
