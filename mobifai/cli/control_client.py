"""Requests of commands to the running process, and the event loop and signals that long-running commands share."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from mobifai.control.client import NotResponding, NotRunning, send_request
from mobifai.control.request import ANSWER_SECONDS
from mobifai.state import StateDir

HANGING_SECONDS = 5.0
"""If the agent does not respond for this many seconds, the request is sent to its keeper instead."""

T = TypeVar("T")


_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's function that creates an event loop, or None. uvloop makes the data channel faster."""
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in a new event loop, and return its result. Use uvloop if it is installed."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(main)


@asynccontextmanager
async def stop_signals() -> AsyncIterator[asyncio.Event]:
    """Yield an event that SIGINT, SIGTERM or SIGHUP sets. The system sends SIGHUP when the terminal window is closed.

    SIGHUP and SIGINT stay ignored if the parent process ignores them: nohup ignores SIGHUP, and a shell ignores SIGINT
    for commands with `&`.
    """
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    handled = [
        number for number in _STOPPING if number == signal.SIGTERM or signal.getsignal(number) is not signal.SIG_IGN
    ]
    for number in handled:
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in handled:
            loop.remove_signal_handler(number)


async def is_set_within(event: asyncio.Event, seconds: float) -> bool:
    """Wait until an event is set, but at most `seconds`. Return whether the event is set."""
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False


def is_running(state_dir: Path) -> bool:
    """Return whether a process listens on the control socket of this state directory."""
    try:
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as connection:
            connection.connect(str(StateDir(state_dir).control_socket))
    except OSError:
        return False
    return True


def request_running(state_dir: Path, request: str, **arguments: object) -> Any:
    """Send a request to the process of this state directory, and return the answer. Raises StateError.

    If no agent runs, the request goes to its keeper. If the agent hangs, only the requests that the keeper supports go
    to the keeper.
    """
    state = StateDir(state_dir)
    patience = HANGING_SECONDS if request in ("status", "restart") else ANSWER_SECONDS
    try:
        return asyncio.run(send_request(state.control_socket, request, arguments, patience))
    except (NotRunning, NotResponding) as no_agent:
        if isinstance(no_agent, NotResponding) and patience == ANSWER_SECONDS:
            raise
        try:
            return asyncio.run(send_request(state.keeper_socket, request, arguments))
        except NotRunning:
            raise no_agent from None
