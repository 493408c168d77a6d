"""An event loop for each test: made fresh, watched for tasks that stay, closed.

Owns the loop for the length of one call; never shares it.
"""

import asyncio
import functools
import gc
import os
import weakref
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, ParamSpec

from tests.support import leftovers

P = ParamSpec("P")

CHOICE = "MOBIFAI_TEST_LOOP"
"""`uvloop` (the default where it is installed) or `asyncio`."""

_FOREIGN = (str(Path(asyncio.__file__).parent), __file__, leftovers.__file__)


class TasksLeft(AssertionError):
    """A test ended and tasks that it had started did not."""


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """The kind of loop that the tests of this run use."""
    choice = os.environ.get(CHOICE, "")
    if choice not in ("", "uvloop", "asyncio"):
        raise ValueError(f"{CHOICE}: expected uvloop or asyncio; found {choice!r}")
    if choice == "asyncio":
        return asyncio.new_event_loop
    try:
        import uvloop  # noqa: PLC0415 - not installed everywhere
    except ImportError:
        if choice:
            raise
        return asyncio.new_event_loop
    return uvloop.new_event_loop


def run(make: Callable[[], Coroutine[Any, Any, None]], grace: float) -> None:
    """Run a coroutine in a loop of its own. Raises TasksLeft when tasks stay for `grace` seconds after it."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_watched(make, grace))


def warm_up() -> None:
    """Use a loop once: libuv opens descriptors with the first loop that it keeps for the process's lifetime."""
    run(lambda: asyncio.sleep(0), 0)
    gc.collect()


def synchronous(make: Callable[P, Coroutine[Any, Any, None]], grace: float) -> Callable[P, None]:
    """The same function, to be called without a loop."""

    @functools.wraps(make)
    def call(*args: P.args, **kwargs: P.kwargs) -> None:
        run(lambda: make(*args, **kwargs), grace)

    return call


async def _watched(make: Callable[[], Coroutine[Any, Any, None]], grace: float) -> None:
    origins: weakref.WeakKeyDictionary[asyncio.Task[Any], str] = weakref.WeakKeyDictionary()
    asyncio.get_running_loop().set_task_factory(_remembering(origins))
    before = leftovers.take()
    await make()
    left = await leftovers.settle_in_loop(before, grace, lambda: _others(origins))
    if left:
        raise TasksLeft("left behind:\n" + "\n".join(f"  - {line}" for line in left))


def _remembering(origins: "weakref.WeakKeyDictionary[asyncio.Task[Any], str]") -> Callable[..., asyncio.Task[Any]]:
    def make_task(
        loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], **kwargs: object
    ) -> asyncio.Task[Any]:
        task = asyncio.Task(coroutine, loop=loop, **kwargs)
        origins[task] = leftovers.made_at(_FOREIGN)
        return task

    return make_task


def _others(origins: "weakref.WeakKeyDictionary[asyncio.Task[Any], str]") -> list[str]:
    here = asyncio.current_task()
    return [
        f"task {getattr(task.get_coro(), '__qualname__', task.get_coro())}, made at {origins.get(task, 'unknown')}"
        for task in asyncio.all_tasks()
        if task is not here
    ]
