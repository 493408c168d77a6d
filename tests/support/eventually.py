"""Waiting for what tells nobody when it changes. Where something does, wait for that."""

import asyncio
from collections.abc import Callable

from tests.support.leftovers import waits


async def eventually(ready: Callable[[], object], timeout: float = 10) -> None:
    """Look again and again, ever less often, until something is true. Raises AssertionError after `timeout` seconds."""
    for pause in waits(timeout):
        if ready():
            return
        await asyncio.sleep(min(pause, 0.1))
    if not ready():
        raise AssertionError(f"expected {getattr(ready, '__qualname__', ready)} to become true within {timeout:g} s")
