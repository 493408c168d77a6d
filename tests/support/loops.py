"""Creates an event loop for each test, checks it for remaining tasks, and closes

it. No loop is shared.
"""

import asyncio
import functools
import gc
import os
import signal
import traceback
import warnings
import weakref
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec

from tests.support import leftovers

P = ParamSpec("P")

CHOICE = "MOBIFAI_TEST_LOOP"
"""`uvloop` (the default where it is installed) or `asyncio`."""

STUBBORN_SECONDS = 5.0
ALARM_SECONDS = 60.0

_FOREIGN = (str(Path(asyncio.__file__).parent), __file__, leftovers.__file__)


@dataclass(frozen=True, slots=True)
class Patience:
    """The seconds for a test, and for its leftovers to end after it."""

    test: float
    leftovers: float


class Left(AssertionError):
    """A test ended, but tasks that it had started did not."""

    def __init__(self, what: list[str]) -> None:
        super().__init__("left behind:\n" + "\n".join(f"  - {line}" for line in what))


class TestTookTooLong(AssertionError):
    """A test did not end. The message says where each of its tasks waits."""


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Return the kind of loop for the tests of this run."""
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


def run(make: Callable[[], Coroutine[Any, Any, None]], patience: Patience) -> None:
    """Run a coroutine in a new loop. Raises Left, TestTookTooLong."""
    runner = asyncio.Runner(loop_factory=loop_factory())
    try:
        runner.run(_watched(make, patience))
    finally:
        left = _close(runner)
    if left:
        raise Left(left)


def _close(runner: asyncio.Runner) -> list[str]:
    """Close a loop. Return the handles that were still open in it.

    uvloop warns about each handle. An exception in place of the warning would make it wait forever.
    """
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", ResourceWarning)
        runner.close()
    return [str(one.message) for one in said]


def warm_up() -> None:
    """Use a loop once, because libuv opens descriptors with the first loop and keeps them open."""
    run(lambda: asyncio.sleep(0), Patience(10, 0))
    gc.collect()


def synchronous(make: Callable[P, Coroutine[Any, Any, None]], patience: Patience) -> Callable[P, None]:
    """Return the same function as a function that needs no loop."""

    @functools.wraps(make)
    def call(*args: P.args, **kwargs: P.kwargs) -> None:
        run(lambda: make(*args, **kwargs), patience)

    return call


async def _watched(make: Callable[[], Coroutine[Any, Any, None]], patience: Patience) -> None:
    origins: weakref.WeakKeyDictionary[asyncio.Task[Any], str] = weakref.WeakKeyDictionary()
    asyncio.get_running_loop().set_task_factory(_remembering(origins))
    before = leftovers.take()
    await _in_time(make, patience.test)
    left = await leftovers.settle_in_loop(before, patience.leftovers, lambda: _others(origins))
    if left:
        raise Left(left)


async def _in_time(make: Callable[[], Coroutine[Any, Any, None]], seconds: float) -> None:
    """Stop a hanging test from inside the loop: an external alarm breaks a running loop, or has no effect."""
    test, loop = asyncio.current_task(), asyncio.get_running_loop()
    stood: list[str] = []

    def stop() -> None:
        nonlocal alarm
        _postpone_alarm()
        stood.extend([_stack(task) for task in asyncio.all_tasks() if not stood or task is test])
        alarm = loop.call_later(min(STUBBORN_SECONDS, seconds), stop)  # tasks that resist are cancelled again
        if test is not None:
            test.cancel()

    alarm = loop.call_later(seconds, stop)
    try:
        await make()
    except asyncio.CancelledError:
        if stood:
            raise TestTookTooLong(
                f"not done after {seconds:g} s; its tasks stood here:\n\n" + "\n".join(stood)
            ) from None
        raise
    finally:
        alarm.cancel()


def _postpone_alarm() -> None:
    """Give pytest-timeout's alarm more time, because it may fire during the report."""
    if signal.getitimer(signal.ITIMER_REAL)[0] > 0:
        signal.setitimer(signal.ITIMER_REAL, ALARM_SECONDS)


def _stack(task: asyncio.Task[Any]) -> str:
    """Return where a task waits: the innermost coroutine that is awaited, not only the outermost."""
    lines, awaited = [f"{task.get_name()}:"], task.get_coro()
    while (frame := getattr(awaited, "cr_frame", None)) is not None:
        lines += traceback.format_list(traceback.StackSummary.extract([(frame, frame.f_lineno)]))
        awaited = getattr(awaited, "cr_await", None)
    return "\n".join(line.rstrip() for line in lines)


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
