"""Polls conditions that send no notification. If there is a notification, wait for that instead."""

import asyncio
from collections.abc import Callable


async def eventually(ready: Callable[[], object], timeout: float = 10) -> None:
    """Poll a condition, less and less often, until it is true. Raises AssertionError after `timeout` seconds."""
    loop, pause = asyncio.get_running_loop(), 0.002
    until = loop.time() + timeout
    while not ready():
        if loop.time() > until:
            raise AssertionError(
                f"expected {getattr(ready, '__qualname__', ready)} to become true within {timeout:g} s"
            )
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 0.1)


def patience(promised: float, taken: float) -> float:
    """Return how many seconds to wait for what is promised within some.

    `taken` is what something similar took just now: where it took long, the machine has other work, and the promise is
    not for such a machine.
    """
    return max(promised, 3 * taken)
