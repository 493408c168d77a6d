"""Runs a job in a thread beside the event loop. Owns this thread, which ends with the job.

While tracemalloc traces, the cost of an allocation grows with the depth of the stack, and a new thread has a shallow
stack. The event loop continues meanwhile, because the interpreter switches between threads every few milliseconds.
"""

import asyncio
import gc
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def offload(job: Callable[[], T]) -> T:
    """Run a job in a thread, and return its result or raise its exception.

    If the caller is cancelled, CancelledError is raised only after the job has ended, so jobs must be short. Garbage
    collection is off during the job, because it would stop the process for longer than any step of the job.

    In a process without an event loop, such as the keeper, the job simply runs in the calling thread.
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
    """Run a coroutine that never waits, and return its result. Raises RuntimeError if the coroutine waits."""
    try:
        job.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    job.close()
    raise RuntimeError("expected a coroutine that does not wait; it waits")


async def no_yield() -> None:
    """Do nothing. Jobs in a thread pass this function as `pause`, because they need not give way to other tasks."""
