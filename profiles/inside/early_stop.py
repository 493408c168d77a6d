"""The end of a look or a window before its time, asked for by the command that began it: what is known is told then.

Owns nothing but the events of those that go on.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class EarlyStop:
    """Who may be told to end. A command gives its look a name (`run`) and names it again in `conclude`."""

    def __init__(self) -> None:
        self._going: dict[str, asyncio.Event] = {}  # bounded by the commands that are answered with events

    @contextmanager
    def of(self, arguments: dict[str, Any]) -> Iterator[asyncio.Event]:
        """An event that is set when the look with these arguments is to end; without a name nobody can set it."""
        name, event = str(arguments.get("run", "")), asyncio.Event()
        if name:
            self._going[name] = event
        try:
            yield event
        finally:
            if self._going.get(name) is event:
                del self._going[name]

    async def conclude(self, arguments: dict[str, Any]) -> object:
        """The question `profile.conclude {run}`: whether something of this name goes on, which ends now."""
        event = self._going.get(str(arguments.get("run", "")))
        if event is not None:
            event.set()
        return {"ending": event is not None}
