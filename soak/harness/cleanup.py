"""Ends what a killed harness leaves behind: the processes of its run, and their directory.

A process of its own (`python -m soak.harness.cleanup FOLDER`), which waits at the other end of a pipe: the system
closes that pipe whatever ends the harness. After a run that ended well it finds nothing to do. It ends only processes
whose temporary directory is inside of the folder.
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
"""Looks at all processes: what is killed may have started another one just before."""

GONE_SECONDS = 1.0
"""How long the killed ones of one look may take to go."""

END_SECONDS = 10.0


@contextmanager
def swept(folder: Path) -> Iterator[None]:
    """Have somebody clean up after this process, should it be killed within this scope."""
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


def sweep(folder: Path) -> None:
    """End every process of the run, and remove its folder."""
    import psutil  # noqa: PLC0415 - who has nothing to do does not load it

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
    """Those that run still, with a temporary directory in the folder."""
    import psutil  # noqa: PLC0415

    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get("TMPDIR", "").startswith(f"{folder}{os.sep}"):
                yield process


def main(folder: Path) -> None:
    """Wait for the end of the pipe's other side, then sweep."""
    for number in (signal.SIGINT, signal.SIGHUP):  # meant for the harness
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    if folder.exists():
        sweep(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
