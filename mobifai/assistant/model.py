"""The interface of a model, which gives one answer to one question. The implementations are in other modules."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from mobifai.assistant.action_parser import Block
from mobifai.assistant.conversation import ApiMessage


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """A question to the model: the conversation in the API's format. The last of `messages` is the user's."""

    system: str
    messages: Sequence[ApiMessage]
    tools: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class ModelResponse:
    """An answer of the model, as blocks in the API's format. `tokens` counts what the model read and wrote for it.

    `cut_off`: a limit ended the answer early. `refused`: the model declines to answer.
    """

    blocks: Sequence[Block]
    tokens: int = 0
    cut_off: bool = False
    refused: bool = False


NotifyUser = Callable[[str], None]
"""Called before a retry, with a sentence for the user that says why."""


class ModelClient(Protocol):
    """The interface of a client of a model, used for one conversation."""

    @property
    def secret(self) -> str:
        """The key of the model's API, which must not appear in any log; empty if there is none."""

    async def answer(self, question: ModelRequest, notice: NotifyUser) -> ModelResponse:
        """Return the model's answer to a question, within a bounded time. `notice` is called before each retry.

        Raises AssistantError with a text for the user.
        """


OpenModel = Callable[[], AbstractAsyncContextManager[ModelClient]]
"""Opens a model for one conversation, and closes it at the end of the scope. Entering raises AssistantError."""
