"""What the model is told again with every question, so that it never grows and the API always takes it.

The API's rules: the first message is the user's, roles alternate, no content is empty, every tool call of an answer has
its result in the very next message and no result is without its call, and a block of thinking comes back unchanged
with all before it unchanged, or not at all. Pure; the checker at the end knows the same rules.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from mobifai.assistant.action_parser import Block
from mobifai.bounds import Bound, History

Message = Mapping[str, Any]
"""A message as the API has it: `role`, and `content` as a list of blocks."""

THINKING = ("thinking", "redacted_thinking")

_NOTHING: Block = {"type": "text", "text": "(no answer)"}


def size_of(message: Message) -> int:
    """Bytes of a message as JSON."""
    return len(msgspec.json.encode(message))


class Conversation:
    """A person's request, and the newest answers with what came of them."""

    def __init__(self, messages: Bound, size: Bound) -> None:
        self._history: History[Message] = History(messages, size, size_of)

    @property
    def messages(self) -> list[Message]:
        """What is sent."""
        return list(self._history)

    def begin(self, request: str) -> None:
        """Add the first message, which stays. Raises LimitReached."""
        self._append({"role": "user", "content": [_text(request)]})

    def answered(self, blocks: Sequence[Block]) -> None:
        """Add the model's answer. Raises LimitReached."""
        self._append({"role": "assistant", "content": _acceptable(blocks)})

    def told(self, report: str, calls: Sequence[str], failed: bool = False) -> None:
        """Add what came of the last answer, as the result of its first tool call. Raises LimitReached."""
        results = [_result(call, report if call == calls[0] else "See the first result.", failed) for call in calls]
        self._append({"role": "user", "content": results or [_text(report)]})

    def _append(self, message: Message) -> None:
        if self._history.append(message):
            self._history.rewrite(_without_thinking)

    def clear(self) -> None:
        """Forget all."""
        self._history.clear()


def _text(text: str) -> Block:
    return {"type": "text", "text": text}


def _result(call: str, report: str, failed: bool) -> Block:
    return {"type": "tool_result", "tool_use_id": call, "content": [_text(report)], "is_error": failed}


def _acceptable(blocks: Sequence[Block]) -> list[Block]:
    """An answer as it may be sent back: no blank text, and something else than thinking at its end."""
    kept = [block for block in blocks if block["type"] != "text" or block["text"].strip()]
    if not kept or kept[-1]["type"] in THINKING:
        return [*kept, _NOTHING]
    return kept


def _without_thinking(message: Message) -> Message:
    """Thinking is bound to all that came before it, of which some is gone now."""
    if message["role"] != "assistant":
        return message
    return {**message, "content": [block for block in message["content"] if block["type"] not in THINKING]}


def problems(messages: Sequence[Message]) -> list[str]:
    """What the API would not take, one line each."""
    found = [] if messages and messages[0]["role"] == "user" else ["the first message is not the user's"]
    pending: set[str] = set()
    for at, message in enumerate(messages):
        found += _wrong_in(message, pending, at)
        if at and message["role"] == messages[at - 1]["role"]:
            found.append(f"messages {at - 1} and {at} have the same role")
        pending = {block["id"] for block in message["content"] if block["type"] == "tool_use"}
    return found + [f"the call {call} has no result" for call in sorted(pending)]


def _wrong_in(message: Message, pending: set[str], at: int) -> list[str]:
    found = [] if message["content"] else [f"message {at} is empty"]
    results = {block["tool_use_id"] for block in message["content"] if block["type"] == "tool_result"}
    found += [f"the call {call} before message {at} has no result" for call in sorted(pending - results)]
    found += [f"the result {call} in message {at} has no call" for call in sorted(results - pending)]
    blank = [block for block in message["content"] if block["type"] == "text" and not block["text"].strip()]
    return found + [f"message {at} has a blank text" for _ in blank]
