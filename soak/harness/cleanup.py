"""Removes the processes and the directory of a run whose harness was killed.

Runs as a separate process (`python -m soak.harness.cleanup FOLDER`) that reads from a pipe until the system closes it,
which happens when the harness ends for any reason. After a normal end there is nothing to do. It kills only processes
whose temporary directory is inside the folder.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from soak.harness.child_environment import helper_environment, module_command

if TYPE_CHECKING:
    import psutil

ROUNDS = 50
"""Most passes over all processes. A process may start another one just before it is killed."""

GONE_SECONDS = 1.0
"""How long to wait for the end of the processes that were killed in one pass."""

END_SECONDS = 10.0


@contextmanager
def cleaned_up_if_killed(folder: Path) -> Iterator[None]:
    """Start a process that calls `clean_up(folder)` if this process is killed within the scope."""
    process = subprocess.Popen(  # noqa: S603
        module_command("soak.harness.cleanup", str(folder)),
        env=helper_environment(folder.parent),
        cwd=folder.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        assert process.stdin is not None  # noqa: S101
        process.stdin.close()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def clean_up(folder: Path) -> None:
    """Kill every process of the run in `folder`, and remove the folder."""
    import psutil  # noqa: PLC0415 - only needed if there is something to clean up

    for _ in range(ROUNDS):
        found = list(_of_the_run(folder))
        if not found:
            break
        for process in found:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(found, GONE_SECONDS)
    shutil.rmtree(folder, ignore_errors=True)


def _of_the_run(folder: Path) -> "Iterator[psutil.Process]":
    """Yield processes whose temporary directory is in the folder."""
    import psutil  # noqa: PLC0415

    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get("TMPDIR", "").startswith(f"{folder}{os.sep}"):
                yield process


def main(folder: Path) -> None:
    """Wait for the end of standard input, which comes when the harness has ended. Then clean the folder up if it
    exists.
    """
    for number in (signal.SIGINT, signal.SIGHUP):  # sent to the harness too, which this process must outlive
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    if folder.exists():
        clean_up(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
