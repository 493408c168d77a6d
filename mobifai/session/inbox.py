"""What a phone sends, done at once while that takes little time, and in turns with all else when it does not.

Owns the messages that wait. A phone that sends more than can be done is hung up on.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from mobifai.bounds import Ledger
from mobifai.limits import INBOUND

_log = logging.getLogger(__name__)

SLICE_SECONDS = 0.005
"""How long a phone's messages are handled before the rest of the agent has its turn."""

_ITEM_BYTES = 256
"""What a message takes beside its content."""


class Inbox:
    """The messages of one phone at a time. `overflow` is called when too many wait."""

    def __init__(self, ledger: Ledger, overflow: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._ledger = ledger
        self._bound = ledger.open(INBOUND)
        self._waiting: deque[tuple[Callable[[], None], int]] = deque()  # bounded by INBOUND
        self._overflow = overflow
        self._until: float | None = None

    def put(self, handle: Callable[[], None], size: int) -> None:
        """Have a message of so many bytes handled, after all that came before it."""
        if not self._waiting and self._has_time():
            handle()
            return
        size += _ITEM_BYTES
        if size > self._bound.room:
            _log.warning("the phone sends more than can be done: %s", self._bound.refuse(f"{size} more bytes"))
            self.clear()
            self._overflow()
            return
        self._waiting.append((handle, size))
        self._bound.set(self._bound.used + size)

    def _has_time(self) -> bool:
        """Whether more may be done before the loop comes round."""
        now = self._loop.time()
        if self._until is None:
            self._until = now + SLICE_SECONDS
            self._loop.call_soon(self._come_round)
        return now < self._until

    def _come_round(self) -> None:
        self._until = None
        while self._waiting and self._has_time():
            handle, size = self._waiting.popleft()
            self._bound.set(self._bound.used - size)
            handle()

    def clear(self) -> None:
        """Do nothing of what waits."""
        self._waiting.clear()
        self._bound.set(0)

    def close(self) -> None:
        """Do nothing any more."""
        self.clear()
        self._ledger.close(self._bound)
