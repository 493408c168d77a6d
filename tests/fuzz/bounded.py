"""Time limits for everything that waits for the product, which may be stuck, and a way to end stuck processes.

A task that resists its cancellation is abandoned.
"""

import asyncio
import os
import time
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import psutil

from tests.fuzz.oracle import Fault

CANCEL_SECONDS = 5.0
"""Seconds that a cancelled step may take to clean up."""

END_SECONDS = 10.0
"""Seconds that a process may take to end once it is not needed."""

T = TypeVar("T")


async def within(seconds: float, what: str, work: Coroutine[Any, Any, T]) -> T:
    """Return the result of `work`. Raises Fault if it takes longer, even if it does not react to its cancellation."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
        if task.done():
            return task.result()
        raise Fault("stuck", f"{what} did not end within {seconds:.0f} s; it waited at\n{_where(task)}")
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=CANCEL_SECONDS)


def _where(task: "asyncio.Task[Any]") -> str:
    """Return the lines at which a task waits, the innermost last."""
    lines = []
    waiting: Any = task.get_coro()
    while waiting is not None:
        frame: FrameType | None = getattr(waiting, "cr_frame", None) or getattr(waiting, "ag_frame", None)
        if frame is not None:
            code = frame.f_code
            lines.append(f"  {Path(code.co_filename).name}:{frame.f_lineno} {code.co_qualname}")
        waiting = getattr(waiting, "cr_await", None) or getattr(waiting, "ag_await", None)
    return "\n".join(lines[-8:])


async def no_process_is_left(folder: Path) -> None:
    """Wait until every process of a folder has ended. Kills those that remain, and raises Fault."""
    until = time.monotonic() + END_SECONDS
    while left := processes_of(folder):
        if time.monotonic() > until:
            names = [_describe(process) for process in left]
            kill(left)
            raise Fault("stuck", f"these processes did not end within {END_SECONDS:.0f} s: {'; '.join(names)}")
        await asyncio.sleep(0.1)


def processes_of(folder: Path) -> list[psutil.Process]:
    """Return the processes whose command line names a file in a folder."""
    beginning = f"{folder}{os.sep}"
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid != os.getpid() and any(beginning in word for word in process.cmdline()):
                found.append(process)
    return found


def kill(processes: list[psutil.Process]) -> None:
    """End processes, including stopped ones."""
    for process in processes:
        with suppress(psutil.Error):
            process.kill()


def _describe(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return f"{process.pid} ({process.status()}, {' '.join(process.cmdline())[:200]})"
    return f"{process.pid}"
