"""A window of memray in an agent that is used, for so many seconds. Owns the tracker, which always comes off.

It ends with its time, when its file gets too large, when it is told to, and when the command that asked hangs up.
"""

import asyncio
import stat
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, Final

from mobifai.control.control_socket import StreamingHandler
from mobifai.errors import StateError
from profiles.inside.early_stop import EarlyStop
from profiles.windows import LONGEST_FLAME
from soak.inside.windows import MemoryWindows

MOST_FILE: Final = 256 << 20
LOOK_SECONDS: Final = 0.25


def trace_handler(early: EarlyStop) -> StreamingHandler:
    """The question `profile.trace {seconds, file, native, run}` (see `trace`)."""
    return lambda arguments: trace(arguments, early)


async def trace(arguments: dict[str, Any], early: EarlyStop) -> AsyncGenerator[object, None]:
    """Trace a window: an event when it begins, and one at its end.

    `file` must not be there yet, in a directory of this user that nobody else may enter. Raises StateError.
    """
    seconds, file = arguments.get("seconds", 30), Path(str(arguments.get("file")))
    if not isinstance(seconds, int | float) or not 0 < seconds <= LONGEST_FLAME:
        raise StateError(f"expected a window of at most {LONGEST_FLAME:g} seconds; found {seconds!r}")
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
    """Wait until a window is over; how many seconds of it are left then."""
    while (left := end - time.monotonic()) > 0 and _size(file) <= MOST_FILE and not enough.is_set():  # noqa: ASYNC110
        await asyncio.sleep(min(LOOK_SECONDS, left))
    return left


def _check_private(file: Path) -> None:
    """Raise StateError when somebody else may have put something in the way."""
    try:
        folder = file.parent.stat()
    except OSError as error:
        raise StateError(f"{file.parent}: expected a directory; {error.strerror}") from None
    if folder.st_mode & (stat.S_IRWXG | stat.S_IRWXO) or file.exists():
        raise StateError(f"{file}: expected a new file in a directory that only its owner may enter")


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0
