"""Draws memray's flame graph of the memory that a running agent allocates during some seconds.

The agent traces itself into a temporary file, and removes the tracer at the end. This module owns that file and removes
it. If this process is killed, a helper process removes the file.
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
    """How long the agent was traced, in seconds, and whether a signal interrupted the tracing.

    `seconds` is less than requested if a signal interrupted the tracing or the trace file became too large.
    """

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

    `socket` is the agent's control socket. `native` adds the frames of C functions. With `kept`, the page shows the
    memory that is still allocated at the end, otherwise the memory at its peak.

    A signal during the tracing ends the tracing early, and the page is still drawn. A signal while the page is drawn
    ends the command. `stop` reports these signals.

    Raises StateError if the agent can't be reached, ProfileError if the page can't be drawn or written, and
    CancelledError if the command is interrupted before there is a page.
    """
    with _folder() as folder:
        file = folder / "window.bin"
        window = await _traced(socket, {"seconds": seconds, "file": str(file), "native": native}, stop)
        drawn = await stop.end(_drawn(file, kept=kept), at=2 if window.interrupted else 1)
        _keep(drawn, out)
        return window


@contextmanager
def _folder() -> Iterator[Path]:
    """Yield a temporary directory for the trace, which is removed at the end of the scope.

    If this process is killed, a helper process removes the directory. Raises ProfileError if it can't be created.
    """
    try:
        opened = tempfile.TemporaryDirectory(prefix="mobifai-flame-", ignore_cleanup_errors=True)
    except OSError as error:
        raise ProfileError(f"expected a directory for temporary files ({reason(error)}); set TMPDIR to one") from None
    with opened as name, cleaned_up_if_killed(Path(name)):
        Path(name, "tmp").mkdir()
        yield Path(name)


async def _traced(socket: Path, arguments: dict[str, Any], stop: Interruption) -> TracedWindow:
    """Ask the agent to trace itself, wait for the end, and return how long it was traced.

    `arguments` are those of the control request `profile.trace`: `seconds`, `file` and `native`. Raises StateError if
    the agent can't be reached, and CancelledError if the tracing is interrupted and there is nothing to draw.
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
    """Run memray to draw the flame graph of the trace in `file`, and return the path of the new HTML page.

    With `kept`, the page shows only memory that was not freed. Raises ProfileError if memray fails or takes too long.
    """
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
    """Copy the file `page` to `out`, completely or not at all. Raises ProfileError if `out` can't be written."""
    draft = out.with_name(f".{out.name}.draft")
    try:
        draft.write_bytes(page.read_bytes())
        draft.replace(out)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise ProfileError(f"{out}: can't be written ({reason(error)}); free some space or use another --out") from None
