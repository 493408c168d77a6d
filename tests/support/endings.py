"""The ways in which a long-running command can end, and its leftovers.

A `Run` is a separate process with its own temporary directory, by which its processes are found.
"""

import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import psutil

from tests.support.leftovers import waits

END_SECONDS = 120.0
GONE_SECONDS = 60.0
PAUSE_SECONDS = 8.0
"""Longer than a delay that load may cause (`soak.harness.pauses`)."""


class Run(Protocol):
    """A command that runs."""

    process: subprocess.Popen[str]
    temporary: Path

    def processes(self) -> list[psutil.Process]:
        """Return all living processes of the run."""


def once(number: signal.Signals) -> Callable[[Run], None]:
    """End the run by one signal."""
    return lambda run: run.process.send_signal(number)


def again_and_again(run: Run) -> None:
    """Press Ctrl-C until the run has ended."""
    until(lambda: _pressed(run), "the end of a run that is interrupted again and again", END_SECONDS)


def _pressed(run: Run) -> bool:
    if run.process.poll() is not None:
        return True
    run.process.send_signal(signal.SIGINT)
    return False


SIGNALS: Mapping[str, Callable[[Run], None]] = {
    "Ctrl-C": once(signal.SIGINT),
    "Ctrl-C again and again": again_and_again,
    "SIGTERM": once(signal.SIGTERM),
    "SIGHUP": once(signal.SIGHUP),
    "SIGKILL": once(signal.SIGKILL),
}
"""The signals for the command's own process."""


def suspend(run: Run) -> None:
    """Stop every process of the run for a while, as if the machine slept, and continue them."""
    stopped = run.processes()
    try:
        for process in stopped:
            process.suspend()
        began = time.monotonic()
        until(lambda: time.monotonic() - began > PAUSE_SECONDS, "the end of the pause", 10 * PAUSE_SECONDS)
    finally:  # a stopped process does not react to signals
        for process in stopped:
            process.resume()


def left_behind(run: Run, seconds: float = GONE_SECONDS) -> list[str]:
    """Return the leftovers of an ended run, after some time to go. A network namespace ends with its processes."""
    left: list[str] = []
    for pause in waits(seconds):
        left = [f"process {one.pid}: {_name(one)}" for one in run.processes()]
        left += [str(one) for one in run.temporary.iterdir()]
        if not left:
            break
        time.sleep(min(pause, 0.2))
    return left


def until(is_so: Callable[[], object], what: str, seconds: float) -> None:
    """Poll a condition. Raises AssertionError."""
    for pause in waits(seconds):
        if is_so():
            return
        time.sleep(min(pause, 0.05))
    raise AssertionError(f"expected {what} within {seconds:g} s")


def _name(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return "gone"
