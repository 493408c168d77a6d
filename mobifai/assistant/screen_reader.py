"""Formats a terminal's screen for the model, as much of it as the limit allows."""

import asyncio

from mobifai.assistant.actions import RequestScreen
from mobifai.assistant.audit import Record
from mobifai.assistant.config import AssistantConfig
from mobifai.assistant.terminal import Slice, View, look, quiet
from mobifai.bounds import Bound
from mobifai.terminals.terminal import Terminal


class ScreenReader:
    """Reads one terminal's screen for one conversation. The secrets of `record` are masked."""

    def __init__(self, terminal: Terminal, config: AssistantConfig, bound: Bound, record: Record) -> None:
        self._terminal = terminal
        self._config = config
        self._bound = bound
        self._record = record

    async def show(self) -> str:
        """Return the last characters of the screen, formatted for a message to the model."""
        wanted = Slice(min(self._config.screen_characters, self._bound.capacity))
        return str(await self._read(wanted))

    async def show_next(self, request: RequestScreen | None) -> tuple[str, list[str]]:
        """Wait until the terminal is quiet. Return the requested part of the screen, and notes about it for the model.

        Without a request, the part is the end of the screen.
        """
        config, notes = self._config, list[str]()
        clock = asyncio.get_running_loop().time
        if not await quiet(self._terminal, config.quiet_seconds, config.quiet_limit_seconds, clock):
            notes.append(f"The terminal still prints after {config.quiet_limit_seconds:g} s.")
        if request is None or (request.start is None and request.end is None):
            return await self.show(), notes
        most = self._bound.capacity
        view = await self._read(Slice(most, request.start, request.end))
        if (view.start, view.end) != (request.start, request.end):
            notes.append(f"A slice has at most {most} characters within 0 to {view.total}; yours was adjusted.")
        return str(view), notes

    async def _read(self, wanted: Slice) -> View:
        view = await look(self._terminal, wanted, self._record.secrets)
        self._bound.set(len(view.text))
        return view
