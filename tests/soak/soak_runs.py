"""`mobifai soak` as people run it: a process of its own. Owns it, and all that it started: they are gone at the end.

Every run has a directory for temporary files of its own. Its processes are found by it: their TMPDIR is in it.
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
"""Seconds for a whole run on a machine that has other work too."""


@dataclass(frozen=True)
class Ended:
    """The output of a run. `out` and `err` are its two streams."""

    status: int
    out: str
    err: str
    place: Path

    @property
    def report(self) -> Report:
        """The report in its directory."""
        return read(self.place)


@dataclass
class Soaking:
    """A run that goes on. `place` is its report's directory."""

    process: subprocess.Popen[str]
    temporary: Path
    place: Path

    def processes(self) -> list[psutil.Process]:
        """Every process of the run that lives, its own too."""
        return list(self._processes())

    def _processes(self) -> Iterator[psutil.Process]:
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                place = process.environ().get("TMPDIR", "")
                if f"{place}/".startswith(f"{self.temporary}/") and process.status() != psutil.STATUS_ZOMBIE:
                    yield process

    def agents(self) -> list[psutil.Process]:
        """The processes that speak to phones."""
        return [one for one in self.processes() if _is_agent(_words(one))]

    def keepers(self) -> list[psutil.Process]:
        """Their parents, which hold the shells."""
        named = [one for one in self.processes() if any(word.endswith("keeper.py") for word in _words(one))]
        # A process that a keeper is about to turn into an agent still has the keeper's name.
        return [one for one in named if not any(one.ppid() == other.pid for other in named)]

    def folder(self) -> Path:
        """The run's directory of processes."""
        found = re.search(r"\S*/mobifai-soak-[^/\s]+", " ".join(" ".join(_words(one)) for one in self.processes()))
        assert found is not None
        return Path(found[0])

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    def phase(self, name: str) -> None:
        """Wait until it says that it is in this phase, or beyond. Raises AssertionError."""
        self.until(lambda: f"{name} " in self.errors(), f"the phase {name}")

    def until(self, is_so: object, what: str, seconds: float = 120) -> None:
        """Wait while it goes on. Raises AssertionError."""
        assert callable(is_so)
        wait_until(lambda: is_so() or self.process.poll() is not None, what, seconds)
        assert is_so(), f"expected {what}; the run ended with {self.process.poll()}:\n{self.errors()[-4000:]}"

    def errors(self) -> str:
        """Return the error stream's content so far."""
        return self.place.with_suffix(".err").read_text(errors="replace")

    def wait(self, seconds: float = LONGEST) -> Ended:
        """Wait for its end."""
        status = self.process.wait(seconds)
        return Ended(status, self.place.with_suffix(".out").read_text(), self.errors(), self.place)


def wait_until(is_so: object, what: str, seconds: float) -> None:
    """Look again and again. Raises AssertionError."""
    import time  # noqa: PLC0415

    assert callable(is_so)
    for pause in waits(seconds):
        if is_so():
            return
        time.sleep(min(pause, 0.2))
    raise AssertionError(f"expected {what} within {seconds:g} s")


@contextmanager
def soaking(place: Path, *words: str) -> Iterator[Soaking]:
    """A run with `--json`, whose report goes to `place`, unless it resumes."""
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix="m-", dir="/tmp"))  # short: sockets are in it
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
    """A whole run."""
    with soaking(place, *words) as run:
        return run.wait()


def read(place: Path) -> Report:
    """The report in a directory."""
    return msgspec.json.decode((place / "report.json").read_bytes(), type=Report)


def plain(place: Path) -> dict[str, object]:
    """The same, as any program reads it."""
    return dict(json.loads((place / "report.json").read_bytes()))


def _words(process: psutil.Process) -> list[str]:
    with suppress(psutil.Error):
        return list(process.cmdline())
    return []


def _is_agent(words: list[str]) -> bool:
    return "serve" in words and not any(word.endswith("keeper.py") for word in words)
