"""A check that the phone still acknowledges data on its data channel.

The check begins when the phone has sent a message by another transport. A phone uses the channel while it has one, so
the channel may be dead. ICE alone needs longer to notice that (RFC 7675).
"""

import asyncio
from collections.abc import Callable

SEND_SECONDS = 1.0
CONFIRM_SECONDS = 3.0
"""How many seconds to wait until the agent's answer is sent on the channel, and then until the phone acknowledges the
oldest chunk on it."""


class AcknowledgementCheck:
    """Finds out whether the phone acknowledges the oldest chunk of data on its channel in time.

    `oldest` returns the number of the oldest chunk that is not acknowledged, or None.
    """

    def __init__(self, oldest: Callable[[], int | None]) -> None:
        self._oldest = oldest
        self._timer: asyncio.TimerHandle | None = None

    def start(self, failed: Callable[[], None]) -> None:
        """Start a check, unless one is running. It calls `failed` if the phone does not acknowledge that chunk."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SEND_SECONDS, self._look, failed)

    def cancel(self) -> None:
        """End a running check without a result."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self, failed: Callable[[], None]) -> None:
        unacknowledged, self._timer = self._oldest(), None
        if unacknowledged is not None:
            self._timer = asyncio.get_running_loop().call_later(CONFIRM_SECONDS, self._decide, unacknowledged, failed)

    def _decide(self, unacknowledged: int, failed: Callable[[], None]) -> None:
        self._timer = None
        if self._oldest() == unacknowledged:
            failed()
