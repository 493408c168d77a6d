"""Traces this agent with memray for some seconds: the control request `profile.trace` of `mobifai profile flame`.

The tracing ends when its time is over, when its file gets too large, on request, and when the command disconnects.
Owns memray's tracker, and removes it in each of these cases.
"""

import asyncio
import stat
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, Final

from mobifai.control.server import StreamingHandler
from mobifai.errors import StateError
from profiles.inside.early_stop import EarlyStop
from profiles.windows import LONGEST_FLAME
from soak.inside.windows import MemoryWindows

MOST_FILE: Final = 256 << 20
LOOK_SECONDS: Final = 0.25


def trace_handler(early: EarlyStop) -> StreamingHandler:
    """Return the handler of the control request `profile.trace {seconds, file, native, run}`, which calls `trace`."""
    return lambda arguments: trace(arguments, early)


async def trace(arguments: dict[str, Any], early: EarlyStop) -> AsyncGenerator[object, None]:
    """Trace this process with memray, as the arguments of a control request `profile.trace` say.

    `seconds` is the duration. `file` is the path of the trace file to write: a new file in a directory that only its
    owner can enter. If `native` is true, the frames of C functions are traced too. Yields an event when tracing begins,
    and another with the duration and the size of the file when it has ended.

    Raises StateError if an argument is invalid, or if memray can't trace.
    """
    seconds, file = arguments.get("seconds", 30), Path(str(arguments.get("file")))
    if not isinstance(seconds, int | float) or not 0 < seconds <= LONGEST_FLAME:
        raise StateError(f"expected more than 0 and at most {LONGEST_FLAME:g} seconds of tracing; found {seconds!r}")
    _check_private(file)
    windows = MemoryWindows()
    windows.begin(file, native=bool(arguments.get("native")))
    with early.of(arguments) as enough:
        try:
            yield {"began": True}
            left = await _end_of(file, time.monotonic() + seconds, enough)
        finally:
            windows.end()
    yield {"seconds": seconds - max(0.0, left), "bytes": _size(file)}


async def _end_of(file: Path, end: float, enough: asyncio.Event) -> float:
    """Wait until the time `end` (of `time.monotonic`), until `file` is too large, or until `enough` is set.

    Return the seconds that are left until `end`.
    """
    while (left := end - time.monotonic()) > 0 and _size(file) <= MOST_FILE and not enough.is_set():  # noqa: ASYNC110
        await asyncio.sleep(min(LOOK_SECONDS, left))
    return left


def _check_private(file: Path) -> None:
    """Raise StateError unless `file` does not exist and its directory is accessible only to the directory's owner.

    In such a directory, no other user can have created the file.
    """
    try:
        folder = file.parent.stat()
    except OSError as error:
        raise StateError(f"{file.parent}: expected a directory; {error.strerror}") from None
    if folder.st_mode & (stat.S_IRWXG | stat.S_IRWXO) or file.exists():
        raise StateError(f"{file}: expected a new file in a directory that only its owner can enter (mode 0700)")


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0
