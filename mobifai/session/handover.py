"""When a phone's messages go over from the relay to a data channel that has just opened.

What the relay still carries has to arrive first: the relay is asked to send something back behind it, and nothing may
wait to be sent there. A phone of the field also needs a moment until it listens on the channel. Owns its one timer.
"""

import asyncio
from collections.abc import Callable

SETTLE_SECONDS = 0.1
"""From the open channel to the first message on it (section 4): the phone installs its listeners meanwhile."""

FLUSH_SECONDS = 2.0
"""How long a relay may take to carry what it was given before the channel opened; then the screens come again."""

_LOOK_SECONDS = 0.01

_MARK = "until-channel:"
"""Begins what the relay is asked to send back."""


class ChannelHandover:
    """At most one at a time. `waits` tells whether the relay has messages that are not on the wire.

    `go` is called once for each `begin`, unless `stop` comes first: True when all that went by relay has arrived.
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
        """Whether one is going on."""
        return self._timer is not None

    def begin(self, echo: Callable[[str], None] | None, *, listens: bool) -> None:
        """A channel opened. `echo` has the relay send a text back; None: it does not do that, or carries nothing.

        `listens`: the phone hears what is said on a channel from its first moment on.
        """
        self.stop()
        self._settle_seconds = 0.0 if listens else SETTLE_SECONDS
        self._flushed_by = self._loop.time() + FLUSH_SECONDS
        self._timer = self._loop.call_later(self._settle_seconds, self._look)
        if echo is not None:
            self._mark = f"{_MARK}{self._loop.time():.6f}"
            echo(self._mark)

    def echoed(self, text: str) -> bool:
        """The relay sent a text back; whether it is one of a change-over."""
        if text == self._mark and self._timer is not None:
            self._mark = ""
            self._timer.cancel()
            self._timer = self._loop.call_later(self._settle_seconds, self._look)
        return text.startswith(_MARK)

    def _look(self) -> None:
        flushed = not self._mark and not self._waits()
        if not flushed and self._loop.time() < self._flushed_by:
            self._timer = self._loop.call_later(_LOOK_SECONDS, self._look)
            return
        self.stop()
        self._go(flushed)

    def stop(self) -> None:
        """It is not to be any more. Twice changes nothing."""
        self._mark = ""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
