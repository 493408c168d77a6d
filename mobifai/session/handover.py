"""The handover of a phone's messages from the relay to a data channel that has just opened.

Messages that were sent through the relay have to arrive first. So the handover waits until all of them have left the
agent, and until the relay has returned an echo that was requested after them. With a legacy app, it also waits
SETTLE_SECONDS, because such an app needs a moment until it listens on the channel. Owns one timer.
"""

import asyncio
from collections.abc import Callable

SETTLE_SECONDS = 0.1
"""The seconds from the opening of the channel to the first message on it, for legacy apps (section 4 of the wire
protocol). A legacy app installs its listeners in this time."""

FLUSH_SECONDS = 2.0
"""How long, in seconds, the relay may take to deliver earlier messages. After that, replays are sent instead."""

_LOOK_SECONDS = 0.01

_MARK = "until-channel:"
"""The prefix of the text that the relay is asked to echo for a handover."""


class ChannelHandover:
    """Performs one handover at a time.

    `waits` returns whether messages still wait to be sent to the relay. `go` is called to switch to the channel, once
    for each `begin` unless `stop` is called first. Its argument says whether all earlier messages have arrived.
    """

    def __init__(self, waits: Callable[[], bool], go: Callable[[bool], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._waits = waits
        self._go = go
        self._timer: asyncio.TimerHandle | None = None
        self._settle_seconds = 0.0
        self._flushed_by = 0.0
        self._mark = ""

    @property
    def pending(self) -> bool:
        """Whether a handover has begun and has not ended yet."""
        return self._timer is not None

    def begin(self, echo: Callable[[str], None] | None, *, listens: bool) -> None:
        """Begin a handover to a data channel that has just opened.

        `echo` requests an echo of its argument from the relay. It is None if the relay has no echoes or is not in use.
        `listens`: the phone receives messages on a data channel as soon as the channel opens.
        """
        self.stop()
        self._settle_seconds = 0.0 if listens else SETTLE_SECONDS
        self._flushed_by = self._loop.time() + FLUSH_SECONDS
        self._timer = self._loop.call_later(self._settle_seconds, self._look)
        if echo is not None:
            self._mark = f"{_MARK}{self._loop.time():.6f}"
            echo(self._mark)

    def echoed(self, text: str) -> None:
        """Process an echo from the relay. An echo that this handover did not request has no effect."""
        if text == self._mark and self._timer is not None:
            self._mark = ""
            self._timer.cancel()
            self._timer = self._loop.call_later(self._settle_seconds, self._look)

    def _look(self) -> None:
        flushed = not self._mark and not self._waits()
        if not flushed and self._loop.time() < self._flushed_by:
            self._timer = self._loop.call_later(_LOOK_SECONDS, self._look)
            return
        self.stop()
        self._go(flushed)

    def stop(self) -> None:
        """End the handover without calling `go`. Idempotent."""
        self._mark = ""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
