"""Sets the clocks of a process under test: all of its code, libraries included, sees the time of the test.

It needs a preloaded library, which the system's C compiler makes, and a file through which the time is set while the
process runs. Only `elapse` moves clocks that nobody can set. The test is skipped if this is not possible.
"""

import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

DAY = 86_400
YEAR = 365.25 * DAY


class WallClock:
    """The clock of processes that are started with `environment`."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc")
        if not sys.platform.startswith("linux") or compiler is None:
            pytest.skip("another wall clock takes Linux and a C compiler")
        library, self._file = folder / "clock.so", folder / "clock"
        source = Path(__file__).with_name("clock_shift.c")
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
        self._shift = self._elapsed = 0
        self._file.write_bytes(bytes(16))
        self.environment = {"LD_PRELOAD": str(library), "MOBIFAI_TEST_CLOCK": str(self._file)}

    def set(self, seconds: float) -> None:
        """Set it to a time since the epoch."""
        self.shift(seconds - time.time())

    def shift(self, seconds: float) -> None:
        """Set it to this difference from the system's clock."""
        self._shift = int(seconds)
        self._write()

    def pass_by(self, seconds: float) -> None:
        """Advance it."""
        self.shift(self._shift + seconds)

    def elapse(self, seconds: float) -> None:
        """Advance every clock. A process that waits in the kernel notices it when it wakes up."""
        self._shift, self._elapsed = self._shift + int(seconds), self._elapsed + int(seconds)
        self._write()

    def _write(self) -> None:
        with self._file.open("r+b") as file:
            file.write(struct.pack("=qq", self._shift, self._elapsed))
