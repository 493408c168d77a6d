"""The assistant's handlers of requests on the control socket: `ask`, which streams its steps, and `approve`.

A conversation that `ask` starts ends when its command disconnects.
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
    """The assistant's handlers of requests on the control socket."""

    def __init__(self, assistant: Assistant, ledger: Ledger) -> None:
        self._assistant = assistant
        self._ledger = ledger

    async def approve(self, arguments: dict[str, Any]) -> object:
        """Accept the user's answer to an approval. Return `{found}`: whether an approval with this id was pending."""
        request = msgspec.convert(arguments, type=_Approve)
        return {"found": self._assistant.answer(request.id, request.ok)}

    async def ask(self, arguments: dict[str, Any]) -> AsyncGenerator[object, None]:
        """Start a conversation and yield its events as `{type, payload}`.

        Closing the generator cancels the conversation.

        Raises AssistantError, LimitReached or TerminalError before the first event.
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
            del terminal  # only the conversation keeps a reference to it
            try:
                while len(steps) or not over.is_set():
                    if len(steps):
                        yield steps.take()
                    else:
                        news.clear()
                        await news.wait()
            finally:
                going.end(Ending.CANCELLED)
                going = None  # breaks a reference cycle with `say`
                await over.wait()
                steps.clear()
