"""Runs a job in a thread beside the event loop. Owns that thread, which ends with the job.

While tracemalloc traces, the cost of an allocation grows with the depth of the stack. A separate thread has a shallow
stack. The interpreter switches to the event loop every few milliseconds.
"""

import asyncio
import gc
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def offload(job: Callable[[], T]) -> T:
    """Run a job in a thread, and return its result or raise its exception.

    Jobs are short: if the caller is cancelled, the job still runs to its end first.

    Garbage collection is off during the job: it would stop the process for longer than any step of the job. In a
    process without an event loop, such as the keeper, the job runs in the calling thread.
    """
    if (loop := running_loop()) is None:
        return job()
    done: asyncio.Future[T] = loop.create_future()

    def work() -> None:
        try:
            result = job()
        except BaseException as error:
            loop.call_soon_threadsafe(done.set_exception, error)
        else:
            loop.call_soon_threadsafe(done.set_result, result)

    thread = threading.Thread(target=work, name="profile", daemon=True)
    collecting = gc.isenabled()
    gc.disable()
    try:
        thread.start()
        waiting = asyncio.shield(done)
        try:
            return await waiting
        except asyncio.CancelledError:
            await asyncio.wait({done})
            raise
    finally:
        if collecting:
            gc.enable()
        thread.join()


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the running event loop, or None."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def run_without_waiting(job: Coroutine[Any, Any, T]) -> T:
    """Return the result of a coroutine that never waits. Raises RuntimeError if it does."""
    try:
        job.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    job.close()
    raise RuntimeError("expected a coroutine that does not wait; it waits")


async def no_yield() -> None:
    """Do nothing. Passed as `pause` by jobs in a thread, which need not let the event loop run other tasks."""
