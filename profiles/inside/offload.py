"""Work beside the event loop, in a thread that ends with it. Owns that thread.

While allocations are traced each one costs as much as the stack is deep: at the bottom of a thread of its own it is
shallow. And the interpreter lets the loop run every few milliseconds meanwhile.
"""

import asyncio
import gc
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def offload(job: Callable[[], T]) -> T:
    """The result of a job. Raises what it raises. It is waited for, also when this is cancelled: it is not long.

    No garbage is collected meanwhile: that would stop everything for longer than any step of the job. In a process
    without an event loop, as the keeper, the job is done here and now.
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
    """The event loop that runs here, if one does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def run_without_waiting(job: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that waits for nothing. Raises RuntimeError when it does."""
    try:
        job.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    job.close()
    raise RuntimeError("expected a coroutine that waits for nothing; it waits")


async def no_yield() -> None:
    """For what is to let others run now and then, where they run anyway."""
