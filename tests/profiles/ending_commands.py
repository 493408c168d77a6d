"""The commands of `mobifai profile` as processes that are ended in many ways, and the agents that they examine.

Each has its own directory for temporary files, by which its leftovers are found.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import psutil

from profiles.report.directory import ProfileDirectory
from profiles.results import ProfileReport
from tests.soak.soak_runs import wait_until
from tests.support.agent import mobifai

LONGEST = 200.0
"""Seconds for any step on a loaded machine."""


@dataclass
class Command:
    """One running command. `report` is the directory or page of its report, `temporary` the directory of its files."""

    process: "subprocess.Popen[bytes]"
    temporary: Path
    report: Path
    log: Path

    def said(self) -> str:
        """Return the output of both of its streams so far."""
        return self.log.read_text(errors="replace")

    def until(self, is_so: Any, what: str) -> None:
        """Wait for a condition while it runs. Raises AssertionError."""
        wait_until(lambda: is_so() or self.process.poll() is not None, what, LONGEST)
        assert is_so(), f"expected {what}; it ended with {self.process.poll()}:\n{self.said()[-4000:]}"

    def says(self, text: str) -> None:
        """Wait until it has printed this text."""
        self.until(lambda: text in self.said(), repr(text))

    def wait(self) -> int:
        """Wait until it ends. Return its status, or the negative number of the signal that ended it."""
        return self.process.wait(LONGEST)

    def document(self) -> dict[str, Any]:
        """Return its report.json."""
        return dict(msgspec.json.decode((self.report / "report.json").read_bytes()))

    def started(self) -> list[psutil.Process]:
        """Return every living process that it started."""
        return [one for one in _of(self.temporary) if one.pid != self.process.pid]

    def agents(self) -> list[psutil.Process]:
        """Return the agents under test that it started."""
        return [one for one in self.started() if _is_serving(one) and _is_serving(one.parent())]

    def keepers(self) -> list[psutil.Process]:
        """Return the keepers of those agents."""
        return [one for one in self.started() if _is_serving(one) and not _is_serving(one.parent())]

    def left(self) -> list[str]:
        """Return its leftovers: processes, and temporary files."""
        processes = [f"process {one.pid}" for one in self.started()]
        return [*processes, *(one.name for one in self.temporary.iterdir())]

    def leaves_nothing(self) -> None:
        """Wait until there are no leftovers. Raises AssertionError."""
        wait_until(lambda: not self.left(), f"nothing left; there was {self.left()}", 60)


def _of(temporary: Path) -> list[psutil.Process]:
    return list(_found(temporary))


def _found(temporary: Path) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            place = process.environ().get("TMPDIR", "")
            if f"{place}/".startswith(f"{temporary}/") and process.status() != psutil.STATUS_ZOMBIE:
                yield process


def _is_serving(process: psutil.Process | None) -> bool:
    with suppress(psutil.Error):
        return process is not None and "serve" in process.cmdline()
    return False


@contextmanager
def commanded(
    report: Path, *words: str, cwd: Path | None = None, environment: Mapping[str, str] | None = None, out: str = ""
) -> Iterator[Command]:
    """`mobifai profile WORDS`. Its standard output goes to `out`, by default to the log."""
    temporary, log = Path(tempfile.mkdtemp(prefix="me-", dir="/tmp")), report.with_name("said.log")
    with log.open("wb") as err, Path(out or os.devnull).open("ab") as output:
        process = subprocess.Popen(
            [*mobifai(), "profile", *words],
            stdin=subprocess.DEVNULL, stdout=output if out else err, stderr=err, cwd=cwd,
            env={**os.environ, **(environment or {}), "TMPDIR": str(temporary)}, start_new_session=True,
        )  # fmt: skip
    command = Command(process, temporary, report, log)
    try:
        yield command
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        for one in command.started():
            with suppress(psutil.Error):
                one.kill()
        shutil.rmtree(temporary, ignore_errors=True)


@dataclass
class LivingAgent:
    """An agent in use."""

    process: "subprocess.Popen[bytes]"
    state_dir: Path

    def family(self) -> list[psutil.Process]:
        """Return the keeper and the agent."""
        keeper = psutil.Process(self.process.pid)
        return [keeper, *keeper.children(recursive=True)]

    def end(self) -> None:
        """Kill it, with its keeper."""
        for one in self.family():
            with suppress(psutil.Error):
                one.kill()
        self.process.wait()


@contextmanager
def living_agent() -> Iterator[LivingAgent]:
    """`mobifai serve`, once phones can pair."""
    place = Path(tempfile.mkdtemp(prefix="ma-", dir="/tmp"))
    ready = place / "ready.json"
    words = ["serve", "--state-dir", str(place / "state"), "--ready-file", str(ready), "--port", "0"]
    with (place / "log").open("wb") as out:
        process = subprocess.Popen(
            [*mobifai(), *words, "--shell", "/bin/sh"], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            start_new_session=True,
        )  # fmt: skip
    agent = LivingAgent(process, place / "state")
    try:
        wait_until(lambda: ready.exists() or process.poll() is not None, "the agent to be ready", LONGEST)
        assert ready.exists(), (place / "log").read_text()
        yield agent
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(30)
        if process.poll() is None:
            agent.end()
        shutil.rmtree(place, ignore_errors=True)


def profiled(place: Path, verdict: str = "clean") -> Path:
    """Create the report of an earlier run, with this verdict."""
    ProfileDirectory(place).write(ProfileReport(verdict, "run", [], [], 1, 100, 10.0, {}))  # type: ignore[arg-type]
    return place
