"""Runs of `mobifai soak` as users start them, in separate processes.

Owns the process of a run and all processes that the run starts. They have ended when the owner is closed. Every run has
a separate directory for temporary files, by which its processes are found: their TMPDIR is in that directory.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec
import psutil

from soak.gauges.results import Report
from tests.support.leftovers import waits

LONGEST = 400.0
"""Timeout in seconds of a whole run, long enough for a busy machine."""


@dataclass(frozen=True)
class Ended:
    """The output of a run. `out` is its standard output, `err` its standard error."""

    status: int
    out: str
    err: str
    place: Path

    @property
    def report(self) -> Report:
        """Return the report in the run's directory."""
        return read(self.place)


@dataclass
class Soaking:
    """A run in progress. `place` is the directory of its report."""

    process: subprocess.Popen[str]
    temporary: Path
    place: Path

    def processes(self) -> list[psutil.Process]:
        """Return every running process of the run, including its own."""
        return list(self._processes())

    def _processes(self) -> Iterator[psutil.Process]:
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                place = process.environ().get("TMPDIR", "")
                if f"{place}/".startswith(f"{self.temporary}/") and process.status() != psutil.STATUS_ZOMBIE:
                    yield process

    def agents(self) -> list[psutil.Process]:
        """Return the processes of the run's agents."""
        return [one for one in self.processes() if _is_agent(_words(one))]

    def keepers(self) -> list[psutil.Process]:
        """Return the agents' parents, which own the shells."""
        named = [one for one in self.processes() if any(word.endswith("keeper.py") for word in _words(one))]
        # A child process that is about to become an agent still has the keeper's name.
        return [one for one in named if not any(one.ppid() == other.pid for other in named)]

    def folder(self) -> Path:
        """Return the directory of the run's processes."""
        found = re.search(r"\S*/mobifai-soak-[^/\s]+", " ".join(" ".join(_words(one)) for one in self.processes()))
        assert found is not None
        return Path(found[0])

    def interrupt(self) -> None:
        """Send SIGINT, as Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)

    def phase(self, name: str) -> None:
        """Wait until the run reports this phase or a later one. Raises AssertionError."""
        self.until(lambda: f"{name} " in self.errors(), f"the phase {name}")

    def until(self, is_so: object, what: str, seconds: float = 120) -> None:
        """Wait until a condition is true, while the run is in progress. Raises AssertionError."""
        assert callable(is_so)
        wait_until(lambda: is_so() or self.process.poll() is not None, what, seconds)
        assert is_so(), f"expected {what}; the run ended with {self.process.poll()}:\n{self.errors()[-4000:]}"

    def errors(self) -> str:
        """Return the content of standard error so far."""
        return self.place.with_suffix(".err").read_text(errors="replace")

    def wait(self, seconds: float = LONGEST) -> Ended:
        """Wait until the run has ended."""
        status = self.process.wait(seconds)
        return Ended(status, self.place.with_suffix(".out").read_text(), self.errors(), self.place)


def wait_until(is_so: object, what: str, seconds: float) -> None:
    """Wait until a condition is true. Raises AssertionError."""
    import time  # noqa: PLC0415

    assert callable(is_so)
    for pause in waits(seconds):
        if is_so():
            return
        time.sleep(min(pause, 0.2))
    raise AssertionError(f"expected {what} within {seconds:g} s")


@contextmanager
def soaking(place: Path, *words: str) -> Iterator[Soaking]:
    """Start a run with `--json` and yield it. Its report is written to `place`, unless it is resumed."""
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix="m-", dir="/tmp"))  # short, because socket paths are limited
    report = [] if {"--resume", "--report", "--list", "--list-plants"} & {*words} else ["--report", str(place)]
    with place.with_suffix(".out").open("w") as out, place.with_suffix(".err").open("w") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "mobifai", "soak", *words, *report, "--json"],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            text=True,
            env={**os.environ, "TMPDIR": str(temporary)},
            start_new_session=True,
        )
    run = Soaking(process, temporary, place)
    try:
        yield run
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        for one in run.processes():
            with suppress(psutil.Error):
                one.kill()
        shutil.rmtree(temporary, ignore_errors=True)


def soak(place: Path, *words: str) -> Ended:
    """Run a whole run and return its output."""
    with soaking(place, *words) as run:
        return run.wait()


def read(place: Path) -> Report:
    """Read the report in a directory."""
    return msgspec.json.decode((place / "report.json").read_bytes(), type=Report)


def plain(place: Path) -> dict[str, object]:
    """Return the content of report.json as builtin values."""
    return dict(json.loads((place / "report.json").read_bytes()))


def _words(process: psutil.Process) -> list[str]:
    with suppress(psutil.Error):
        return list(process.cmdline())
    return []


def _is_agent(words: list[str]) -> bool:
    return "serve" in words and not any(word.endswith("keeper.py") for word in words)
