"""The interface of a model's client, which gets one answer to one question. Other modules implement it."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from mobifai.assistant.action_parser import Block
from mobifai.assistant.conversation import ApiMessage


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """A question to the model: the conversation in the API's format. The last of `messages` is from the user."""

    system: str
    messages: Sequence[ApiMessage]
    tools: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class ModelResponse:
    """An answer of the model, as blocks in the API's format.

    `tokens` is the number of tokens that the model read and wrote for it. `cut_off`: a limit ended the answer early.
    `refused`: the model declines the request.
    """

    blocks: Sequence[Block]
    tokens: int = 0
    cut_off: bool = False
    refused: bool = False


NotifyUser = Callable[[str], None]
"""A function that is called before a retry, with a sentence for the user that says why."""


class ModelClient(Protocol):
    """A client of a model, used for one conversation."""

    @property
    def secret(self) -> str:
        """The key of the model's API, which must not appear in any log; empty if there is none."""

    async def answer(self, question: ModelRequest, notice: NotifyUser) -> ModelResponse:
        """Return the model's answer to a question, within a limited time. `notice` is called before each retry.

        Raises AssistantError with a text for the user.
        """


OpenModel = Callable[[], AbstractAsyncContextManager[ModelClient]]
"""A function that returns a context manager, which opens a model for one conversation and closes it at the end of the
scope. Entering the scope raises AssistantError if that fails."""
