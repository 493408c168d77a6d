"""Ends an examination, or memray's tracing, early if the command that began it requests this.

Owns an `asyncio.Event` for each running examination.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class EarlyStop:
    """The running examinations that can be ended early.

    A command that requests an examination gives it a name (the argument `run` of the request). To end the examination
    early, the command sends the control request `profile.conclude` with that name.
    """

    def __init__(self) -> None:
        self._going: dict[str, asyncio.Event] = {}  # bounded by the commands that are answered with events

    @contextmanager
    def of(self, arguments: dict[str, Any]) -> Iterator[asyncio.Event]:
        """Register an examination for the duration of this scope, and yield an event.

        `arguments` are those of the request that began the examination. The event is set when the examination should
        end early. It is never set if the arguments have no name (`run`).
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
        """Answer the control request `profile.conclude {run}`: ask the examination named `run` to end.

        The answer `{"ending": true}` means that the examination was running, `{"ending": false}` that it was not.
        """
        event = self._going.get(str(arguments.get("run", "")))
        if event is not None:
            event.set()
        return {"ending": event is not None}
