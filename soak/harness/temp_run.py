"""Runs a job with a temporary directory for its processes, until the job ends or a signal stops it.

Owns the directory, which is removed at the end.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from mobifai.cli.control_client import run
from soak.harness.cleanup import cleaned_up_if_killed
from soak.harness.interruption import Interruption, recorded_signals

T = TypeVar("T")

LONGEST_TEMPORARY = 48
"""Longest path of the temporary directory in bytes; with a longer one, socket paths in it would be too long."""

SHORT_TEMPORARY = "/tmp"  # noqa: S108 - a private folder is created in it


def run_in_temp_folder(job: Callable[[Path], Coroutine[Any, Any, T]]) -> T:
    """Create a temporary directory, run `job` with its path, and return the job's result.

    The directory is removed at the end.
    """
    usual = tempfile.gettempdir()
    place = usual if len(os.fsencode(usual)) <= LONGEST_TEMPORARY else SHORT_TEMPORARY
    folder = Path(tempfile.mkdtemp(prefix="mobifai-soak-", dir=place))
    with cleaned_up_if_killed(folder):
        try:
            return run(job(folder))
        finally:
            shutil.rmtree(folder, ignore_errors=True)


async def result_unless_stopped(job: Coroutine[Any, Any, T], stopped: T, stops: Interruption | None = None) -> T:
    """Return the result of a job, or the value `stopped` if a signal stops the job.

    `stops` counts the signals of the whole command. By default, only signals that arrive while the job runs count.
    """
    try:
        return await result_until_stopped(job, stops)
    except asyncio.CancelledError:
        return stopped


async def result_until_stopped(job: Coroutine[Any, Any, T], stops: Interruption | None = None) -> T:
    """Run a job and return its result. If a signal arrives, cancel the job, which may still return a result.

    Raises CancelledError if the cancelled job returns none. `stops` counts the signals of the whole command. By
    default, only signals that arrive while the job runs count.
    """
    if stops is None:
        with recorded_signals() as own:
            return await result_until_stopped(job, own)
    return await stops.end(job)
