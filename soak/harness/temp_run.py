"""A job with a directory for its processes, and an end when it is told to stop.

Owns the directory: it is gone at the end, and so is whatever was started in it.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from mobifai.cli.control_client import run
from soak.harness.cleanup import swept
from soak.harness.interruption import Interruption, noted_signals

T = TypeVar("T")

LONGEST_TEMPORARY = 48
"""Bytes of the path of temporary files: with more, the path of a socket in a run's folder would be too long."""

SHORT_TEMPORARY = "/tmp"  # noqa: S108 - a folder of our own is made there


def alone(job: Callable[[Path], Coroutine[Any, Any, T]]) -> T:
    """Run it with a directory for its processes, which is gone at the end."""
    usual = tempfile.gettempdir()
    place = usual if len(os.fsencode(usual)) <= LONGEST_TEMPORARY else SHORT_TEMPORARY
    folder = Path(tempfile.mkdtemp(prefix="mobifai-soak-", dir=place))
    with swept(folder):
        try:
            return run(job(folder))
        finally:
            shutil.rmtree(folder, ignore_errors=True)


async def unless_stopped(job: Coroutine[Any, Any, T], stopped: T, stops: Interruption | None = None) -> T:
    """Its result; `stopped` when it is told to stop before."""
    try:
        return await until_stopped(job, stops)
    except asyncio.CancelledError:
        return stopped


async def until_stopped(job: Coroutine[Any, Any, T], stops: Interruption | None = None) -> T:
    """Its result, also one that it gives when it is cancelled because it is told to stop. Raises CancelledError.

    `stops` are the requests of the whole command; by default those that come while the job runs.
    """
    if stops is None:
        with noted_signals() as own:
            return await until_stopped(job, own)
    return await stops.end(job)
