"""A model that gives prepared answers, its script.

It is for tests, for soak, and for trying the assistant without a key.
"""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from mobifai.assistant.action_parser import Block
from mobifai.assistant.actions import TOOL
from mobifai.assistant.model import ModelRequest, ModelResponse, NotifyUser
from mobifai.errors import AssistantError

ScriptStep = str | Sequence[dict[str, Any]] | ModelResponse | BaseException | Callable[[ModelRequest], Any]
"""One prepared answer: a text, a list of actions, a whole answer, an error to raise, or a function that takes the
question and returns one of these. The function may be a coroutine function."""

SCRIPT_BYTES = 1 << 20


class ScriptedModel:
    """Answers each question with the next step of its script. After the last step, it begins again with the first."""

    def __init__(self, steps: Sequence[ScriptStep]) -> None:
        self._steps = itertools.cycle(steps)
        self._calls = itertools.count(1)
        self.secret = ""

    @classmethod
    def from_file(cls, path: Path) -> "ScriptedModel":
        """Load a script from a JSON file, a list whose items are texts or lists of actions. Raises AssistantError."""
        try:
            with path.open("rb") as file:
                steps = msgspec.json.decode(file.read(SCRIPT_BYTES), type=list[str | list[dict[str, Any]]])
        except OSError as error:
            raise AssistantError(f"the model's script can't be read: {error}") from None
        except msgspec.MsgspecError as error:
            raise AssistantError(
                f"{path}: expected a JSON list, each item a text or a list of actions; {error}"
            ) from None
        if not steps:
            raise AssistantError(f"{path}: expected a script with at least one step; found none")
        return cls(steps)

    async def __aenter__(self) -> "ScriptedModel":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Do nothing, since nothing is open."""

    async def answer(self, question: ModelRequest, notice: NotifyUser) -> ModelResponse:
        """Return the next step of the script as an answer, whatever the question is. A function gets the question."""
        step: Any = next(self._steps)
        if callable(step):
            step = step(question)
        if asyncio.iscoroutine(step):
            step = await step
        if isinstance(step, BaseException):
            raise step
        return (
            step if isinstance(step, ModelResponse) else ModelResponse((self._block(step),), tokens=_tokens(question))
        )

    def _block(self, step: str | Sequence[dict[str, Any]]) -> Block:
        if isinstance(step, str):
            return {"type": "text", "text": step}
        return {
            "type": "tool_use",
            "id": f"toolu_{next(self._calls)}",
            "name": TOOL,
            "input": {"actions": list(step)},
        }


def _tokens(question: ModelRequest) -> int:
    """Estimate the number of tokens of a question, at four bytes for each token."""
    return len(msgspec.json.encode(question.messages)) // 4
