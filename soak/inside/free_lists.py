"""Fills the free lists of the interpreter and of uvloop, once, so that they do not fill during what is judged.

A free list keeps dead objects for the next one of their kind, up to 255 of them, and counts as in use. It holds the
most that ever lived at one time, which is a record that is broken ever more rarely: a slow rise that is no leak.
"""

import asyncio

AT_ONCE = 600
"""Objects of each kind that live at one time: more than any free list keeps."""


async def fill_free_lists() -> None:
    """Have so many handles, timers, tasks, futures and contexts live at one time, and then none."""
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
    """The callback of a handle."""
