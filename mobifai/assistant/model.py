"""What the assistant needs of a model: one answer to one question. The clients have modules of their own."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from mobifai.assistant.action_parser import Block
from mobifai.assistant.conversation import Message


@dataclass(frozen=True, slots=True)
class Question:
    """What the model is asked. `messages` are as the API has them, the last one the user's."""

    system: str
    messages: Sequence[Message]
    tools: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What it says: blocks as the API has them. `tokens`: all that were read and written for it."""

    blocks: Sequence[Block]
    tokens: int = 0
    cut_off: bool = False
    refused: bool = False


Notice = Callable[[str], None]
"""Is told, in words for a person, that a question has to be asked again, and why."""


class ModelClient(Protocol):
    """A model, for one conversation."""

    @property
    def secret(self) -> str:
        """What must not be seen in any log; empty for nothing."""

    async def answer(self, question: Question, notice: Notice) -> Answer:
        """Ask. Ends in a bounded time. Raises AssistantError, whose text a person understands."""


OpenModel = Callable[[], AbstractAsyncContextManager[ModelClient]]
"""Opens a model for one conversation; at the end of the scope nothing of it is left. Entering raises AssistantError."""
