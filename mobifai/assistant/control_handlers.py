"""What commands ask the assistant of a running agent: `ask`, whose steps follow one another, and `approve`.

A command that goes away takes its conversation with it.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import msgspec

from mobifai.assistant.service import Assistant, ConversationTask, Ending
from mobifai.bounds import ItemQueue, Ledger
from mobifai.errors import LimitReached
from mobifai.limits import ASSISTANT_EVENTS


class _Ask(msgspec.Struct, frozen=True):
    prompt: str
    tab: str | None = None


class _Approve(msgspec.Struct, frozen=True):
    id: str
    ok: bool


class AssistantControl:
    """The questions of commands to an assistant."""

    def __init__(self, assistant: Assistant, ledger: Ledger) -> None:
        self._assistant = assistant
        self._ledger = ledger

    async def approve(self, arguments: dict[str, Any]) -> object:
        """Answer an approval; whether one waited."""
        request = msgspec.convert(arguments, type=_Approve)
        return {"found": self._assistant.answer(request.id, request.ok)}

    async def ask(self, arguments: dict[str, Any]) -> AsyncGenerator[object, None]:
        """Start a conversation and give its events, as `{"type", "payload"}`. Closing this cancels it.

        Raises AssistantError, LimitReached, TerminalError before the first one.
        """
        request = msgspec.convert(arguments, type=_Ask)
        with self._ledger.bound(ASSISTANT_EVENTS) as bound:
            steps, news = ItemQueue[object](bound), asyncio.Event()
            going: ConversationTask | None = None

            def say(event: str, payload: object) -> None:
                try:
                    steps.append({"type": event, "payload": payload})
                except LimitReached:
                    if going is not None:
                        going.end(Ending.ASKER_LEFT)
                news.set()

            terminal = self._assistant.tab(request.tab)
            going = self._assistant.start(request.prompt, terminal, say)
            over = going.over
            del terminal  # the conversation's to keep, and to let go
            try:
                while len(steps) or not over.is_set():
                    if len(steps):
                        yield steps.take()
                    else:
                        news.clear()
                        await news.wait()
            finally:
                going.end(Ending.CANCELLED)
                going = None  # it knows `say`, which knows it
                await over.wait()
                steps.clear()
