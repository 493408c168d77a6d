"""Ends an examination or memray's tracing early, at the request of the command that began it.

Owns the events of the running examinations.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class EarlyStop:
    """The running examinations that can be ended early.

    The command that requests an examination gives it a name (the argument `run`). To end it early, the command sends
    the request `profile.conclude` with that name.
    """

    def __init__(self) -> None:
        self._going: dict[str, asyncio.Event] = {}  # bounded by the commands that are answered with events

    @contextmanager
    def of(self, arguments: dict[str, Any]) -> Iterator[asyncio.Event]:
        """Register the examination with these arguments in this scope, and yield the event that asks it to end.

        The event is never set if the arguments contain no name (`run`).
        """
        name, event = str(arguments.get("run", "")), asyncio.Event()
        if name:
            self._going[name] = event
        try:
            yield event
        finally:
            if self._going.get(name) is event:
                del self._going[name]

    async def conclude(self, arguments: dict[str, Any]) -> object:
        """Answer `profile.conclude {run}`: ask the examination named `run` to end. The answer says if it is running."""
        event = self._going.get(str(arguments.get("run", "")))
        if event is not None:
            event.set()
        return {"ending": event is not None}
