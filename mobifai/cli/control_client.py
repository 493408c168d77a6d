"""What commands that run for long share: the loop, the signals, and asking the process that runs."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from mobifai.control.control_socket import ANSWER_SECONDS, NotResponding, NotRunning, send_request
from mobifai.state import StateDir

HANGING_SECONDS = 5.0
"""An agent that does not answer for so long is one for its keeper, where that can help."""

T = TypeVar("T")


_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Uvloop where it is installed: the data channel is 1.9 times as fast on it."""
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on the best loop there is."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(main)


@asynccontextmanager
async def stop_signals() -> AsyncIterator[asyncio.Event]:
    """An event that SIGINT, SIGTERM or SIGHUP (the window was closed) sets, for the length of this scope.

    SIGHUP and SIGINT stay ignored where the parent ignores them: nohup, and a script for what it starts by `&`.
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
    """Wait for an event, at most so long; whether it is set."""
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False


def is_running(state_dir: Path) -> bool:
    """Whether a process answers for this state directory."""
    try:
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as connection:
            connection.connect(str(StateDir(state_dir).control_socket))
    except OSError:
        return False
    return True


def request_running(state_dir: Path, question: str, **arguments: object) -> Any:
    """Ask the process that runs with this state directory, or its keeper while no agent answers. Raises StateError.

    The keeper is asked what it can do for an agent that hangs; other questions wait for the agent.
    """
    state = StateDir(state_dir)
    patience = HANGING_SECONDS if question in ("status", "restart") else ANSWER_SECONDS
    try:
        return asyncio.run(send_request(state.control_socket, question, arguments, patience))
    except (NotRunning, NotResponding) as no_agent:
        if isinstance(no_agent, NotResponding) and patience == ANSWER_SECONDS:
            raise
        try:
            return asyncio.run(send_request(state.keeper_socket, question, arguments))
        except NotRunning:
            raise no_agent from None
