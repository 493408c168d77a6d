"""Waiting for what tells nobody when it changes. Where something does, wait for that."""

import asyncio
from collections.abc import Callable


async def eventually(ready: Callable[[], object], timeout: float = 10) -> None:
    """Look again and again, soon less often, until something is true. Raises AssertionError after `timeout` seconds."""
    loop, pause = asyncio.get_running_loop(), 0.002
    until = loop.time() + timeout
    while not ready():
        if loop.time() > until:
            raise AssertionError(
                f"expected {getattr(ready, '__qualname__', ready)} to become true within {timeout:g} s"
            )
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 0.1)
