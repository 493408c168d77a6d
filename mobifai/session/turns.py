"""Handles a session's messages without blocking the rest of the agent.

Messages are handled immediately until this has taken SLICE_SECONDS in one iteration of the event loop. The others wait
for a later iteration. Owns the messages that wait.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from mobifai.bounds import Ledger
from mobifai.limits import INBOUND

SLICE_SECONDS = 0.005
"""How long, in seconds, a session's messages are handled in one iteration of the event loop."""

_ITEM_BYTES = 256
"""The memory of a message in bytes, in addition to its content."""


class Turns:
    """The messages of one session that wait for their turn.

    `handle` is called with the event and payload of each, in order.
    """

    def __init__(self, ledger: Ledger, handle: Callable[[str, object], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._ledger = ledger
        self._bound = ledger.open(INBOUND)
        self._waiting: deque[tuple[str, object, int]] = deque()  # bounded by INBOUND
        self._handle = handle
        self._until: float | None = None

    def is_free(self) -> bool:
        """Return whether the next message can be handled now: none waits, and this loop iteration has time left."""
        return not self._waiting and self._has_time()

    def put(self, event: str, payload: object, size: int) -> None:
        """Queue a message of `size` bytes, to be handled after those that wait. Raises LimitReached."""
        size += _ITEM_BYTES
        if size > self._bound.room:
            raise self._bound.refuse(f"{size} more bytes")
        self._waiting.append((event, payload, size))
        self._bound.set(self._bound.used + size)

    def _has_time(self) -> bool:
        """Return whether more messages can be handled in this iteration of the event loop."""
        now = self._loop.time()
        if self._until is None:
            self._until = now + SLICE_SECONDS
            self._loop.call_soon(self._come_round)
        return now < self._until

    def _come_round(self) -> None:
        self._until = None
        while self._waiting and self._has_time():
            event, payload, size = self._waiting.popleft()
            self._bound.set(self._bound.used - size)
            self._handle(event, payload)

    def close(self) -> None:
        """Drop the waiting messages. Idempotent."""
        self._waiting.clear()
        self._bound.set(0)
        self._ledger.close(self._bound)
