"""Fills the free lists of the interpreter and of uvloop once, so that they do not grow while gauges are judged.

A free list keeps up to 255 dead objects for reuse, and counts as memory in use. Its length is the largest number of
objects that existed at the same time. This number rises more and more rarely: a slow growth that is not a leak.
"""

import asyncio

AT_ONCE = 600
"""Objects of each kind that exist at the same time: more than any free list keeps."""


async def fill_free_lists() -> None:
    """Create many handles, timers, tasks, futures and contexts at the same time, and drop them."""
    loop = asyncio.get_running_loop()
    gate = loop.create_future()
    waiting = [asyncio.ensure_future(_pass(gate)) for _ in range(AT_ONCE)]
    timers = [loop.call_later(3600, _nothing) for _ in range(AT_ONCE)]
    for _ in range(AT_ONCE):
        loop.call_soon(_nothing)
    await asyncio.sleep(0)
    for timer in timers:
        timer.cancel()
    gate.set_result(None)
    await asyncio.gather(*waiting)


async def _pass(gate: "asyncio.Future[None]") -> None:
    async with asyncio.timeout(3600):
        await asyncio.shield(gate)


def _nothing() -> None:
    """Do nothing: the callback of the handles and timers that fill the free lists."""
