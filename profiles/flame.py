"""memray's flame graph of a window of the running agent. Owns the window's file, which is gone at the end.

A process of its own removes that file when this one is killed; the agent takes the tracer off by itself.
"""

import asyncio
import importlib.util
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from mobifai.control.control_socket import send_request, stream_events
from mobifai.errors import StateError
from profiles.results import ProfileError
from soak.harness.child_environment import helper_environment, module_command
from soak.harness.cleanup import cleaned_up_if_killed
from soak.harness.helper_process import HelperTimeout, run_helper
from soak.harness.interruption import Interruption
from soak.report.files import reason

RENDER_SECONDS: Final = 300.0
CONCLUDE_SECONDS: Final = 10.0
"""How long the agent may take to end a window before its time."""


@dataclass(frozen=True, slots=True)
class TracedWindow:
    """How many seconds were traced: fewer when the window got too large, or the command was interrupted."""

    seconds: float
    interrupted: bool


def check_memray() -> None:
    """Raise ProfileError when memray is not there to draw with."""
    if importlib.util.find_spec("memray") is None:
        raise ProfileError("expected memray, which draws the page; it is not installed (there is none for this system)")


async def flame(
    socket: Path, seconds: float, out: Path, stop: Interruption, *, native: bool = False, kept: bool = False
) -> TracedWindow:
    """Trace for so long and write the page: with what is still there at the end if `kept`, else as it was at the peak.

    A first signal ends the window, and what was traced is drawn; a second one ends that too. Raises StateError when the
    agent can't be asked, ProfileError when there is no page, CancelledError.
    """
    with _folder() as folder:
        file = folder / "window.bin"
        window = await _traced(socket, {"seconds": seconds, "file": str(file), "native": native}, stop)
        drawn = await stop.end(_drawn(file, kept=kept), at=2 if window.interrupted else 1)
        _keep(drawn, out)
        return window


@contextmanager
def _folder() -> Iterator[Path]:
    """A directory for the window, and somebody who removes it if this process is killed. Raises ProfileError."""
    try:
        opened = tempfile.TemporaryDirectory(prefix="mobifai-flame-", ignore_cleanup_errors=True)
    except OSError as error:
        raise ProfileError(f"expected a directory for temporary files ({reason(error)}); set TMPDIR to one") from None
    with opened as name, cleaned_up_if_killed(Path(name)):
        Path(name, "tmp").mkdir()
        yield Path(name)


async def _traced(socket: Path, wanted: dict[str, Any], stop: Interruption) -> TracedWindow:
    """Have a window traced. Raises StateError; CancelledError when it is interrupted and there is nothing to draw."""
    run, seconds = uuid4().hex, float(wanted["seconds"])

    async def window() -> float:
        took = seconds
        async for told in stream_events(socket, "profile.trace", {**wanted, "run": run}):
            took = float(told.get("seconds", took))
        return took

    tracing = asyncio.ensure_future(window())
    try:
        return TracedWindow(await stop.end(asyncio.shield(tracing)), interrupted=False)
    except asyncio.CancelledError:
        with suppress(StateError, TimeoutError):
            await send_request(socket, "profile.conclude", {"run": run}, CONCLUDE_SECONDS)
            async with asyncio.timeout(CONCLUDE_SECONDS):
                return TracedWindow(await stop.end(asyncio.shield(tracing), at=2), interrupted=True)
        raise
    finally:
        tracing.cancel()
        with suppress(asyncio.CancelledError, StateError):
            await tracing


async def _drawn(file: Path, *, kept: bool) -> Path:
    """The page of a window, beside it. Raises ProfileError."""
    page, temporary = file.with_name("page.html"), file.with_name("tmp")
    options = ["--no-web", "--force", "--output", str(page), *(["--leaks"] if kept else [])]
    command = module_command("memray", "flamegraph", *options, str(file))
    environment = helper_environment(temporary)
    try:
        result = await run_helper(command, environment=environment, folder=temporary, timeout=RENDER_SECONDS)
    except HelperTimeout:
        raise ProfileError(f"expected memray to draw the window within {RENDER_SECONDS:g} s; it did not") from None
    if result.status:
        raise ProfileError(f"memray could not draw the window: {result.last_words}")
    return page


def _keep(page: Path, out: Path) -> None:
    """Move the page to its place, whole or not at all. Raises ProfileError."""
    draft = out.with_name(f".{out.name}.draft")
    try:
        draft.write_bytes(page.read_bytes())
        draft.replace(out)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise ProfileError(f"{out}: can't be written ({reason(error)}); make room, or name another --out") from None
