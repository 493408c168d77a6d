"""memray's flame graph of what a running agent allocates in some seconds. Owns the file of the trace, and removes it.

A helper process removes that file if this process is killed. The agent removes the tracer itself.
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

from mobifai.control.client import send_request, stream_events
from mobifai.errors import StateError
from profiles.results import ProfileError
from soak.harness.child_environment import helper_environment, module_command
from soak.harness.cleanup import cleaned_up_if_killed
from soak.harness.helper_process import HelperTimeout, run_helper
from soak.harness.interruption import Interruption
from soak.report.files import reason

RENDER_SECONDS: Final = 300.0
CONCLUDE_SECONDS: Final = 10.0
"""Seconds to wait until the agent has ended the tracing early."""


@dataclass(frozen=True, slots=True)
class TracedWindow:
    """How long the agent was traced: less than requested if the file got too large or the command was interrupted."""

    seconds: float
    interrupted: bool


def check_memray() -> None:
    """Raise ProfileError if memray is not installed."""
    if importlib.util.find_spec("memray") is None:
        raise ProfileError("this needs memray, which is not installed; install it with pip, if it supports this system")


async def flame(
    socket: Path, seconds: float, out: Path, stop: Interruption, *, native: bool = False, kept: bool = False
) -> TracedWindow:
    """Let the running agent trace itself for `seconds`, and write the flame graph, an HTML page, to `out`.

    The page shows the memory that remains at the end if `kept`, and else the memory at the peak. The first signal ends
    the tracing early, and the page is drawn. The second signal ends the drawing too. Raises StateError if the agent
    can't be reached, ProfileError if the page can't be drawn or written, and CancelledError if the command is
    interrupted before there is a page.
    """
    with _folder() as folder:
        file = folder / "window.bin"
        window = await _traced(socket, {"seconds": seconds, "file": str(file), "native": native}, stop)
        drawn = await stop.end(_drawn(file, kept=kept), at=2 if window.interrupted else 1)
        _keep(drawn, out)
        return window


@contextmanager
def _folder() -> Iterator[Path]:
    """Provide a temporary directory for the trace in this scope. If this process is killed, a helper removes it.

    Raises ProfileError.
    """
    try:
        opened = tempfile.TemporaryDirectory(prefix="mobifai-flame-", ignore_cleanup_errors=True)
    except OSError as error:
        raise ProfileError(f"expected a directory for temporary files ({reason(error)}); set TMPDIR to one") from None
    with opened as name, cleaned_up_if_killed(Path(name)):
        Path(name, "tmp").mkdir()
        yield Path(name)


async def _traced(socket: Path, arguments: dict[str, Any], stop: Interruption) -> TracedWindow:
    """Ask the agent to trace itself, and wait for the end. `arguments` are those of the request `profile.trace`.

    Raises StateError, and CancelledError if an interruption leaves nothing to draw.
    """
    run, seconds = uuid4().hex, float(arguments["seconds"])

    async def window() -> float:
        took = seconds
        async for event in stream_events(socket, "profile.trace", {**arguments, "run": run}):
            took = float(event.get("seconds", took))
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
    """Let memray draw the flame graph of the trace in `file`, and return the new page. Raises ProfileError."""
    page, temporary = file.with_name("page.html"), file.with_name("tmp")
    options = ["--no-web", "--force", "--output", str(page), *(["--leaks"] if kept else [])]
    command = module_command("memray", "flamegraph", *options, str(file))
    environment = helper_environment(temporary)
    try:
        result = await run_helper(command, environment=environment, folder=temporary, timeout=RENDER_SECONDS)
    except HelperTimeout:
        raise ProfileError(
            f"expected memray to draw the flame graph within {RENDER_SECONDS:g} s; it took longer: "
            "choose a shorter --for"
        ) from None
    if result.status:
        raise ProfileError(f"memray could not draw the flame graph: {result.last_words}")
    return page


def _keep(page: Path, out: Path) -> None:
    """Copy the page to `out`, completely or not at all. Raises ProfileError."""
    draft = out.with_name(f".{out.name}.draft")
    try:
        draft.write_bytes(page.read_bytes())
        draft.replace(out)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise ProfileError(f"{out}: can't be written ({reason(error)}); free some space or use another --out") from None
