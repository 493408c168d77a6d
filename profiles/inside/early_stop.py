"""Ends an examination or memray's tracing early, at the request of the command that began it.

Owns the events of the running examinations.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class EarlyStop:
    """The examinations that can be ended early.

    A command names its examination (`run`) and repeats the name in `conclude`.
    """

    def __init__(self) -> None:
        self._going: dict[str, asyncio.Event] = {}  # bounded by the commands that are answered with events

    @contextmanager
    def of(self, arguments: dict[str, Any]) -> Iterator[asyncio.Event]:
        """Yield the event that asks the examination with these arguments to end.

        The event is never set if the arguments contain no name.
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
        """Answer `profile.conclude {run}`: end the examination with this name. The answer says if there was one."""
        event = self._going.get(str(arguments.get("run", "")))
        if event is not None:
            event.set()
        return {"ending": event is not None}
