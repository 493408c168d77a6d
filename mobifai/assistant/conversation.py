"""The messages of a conversation, as they are sent to the model with every question.

Their number and size are limited, and they always follow the API's rules: The first message is the user's, roles
alternate, and no content is empty. Each tool call of an answer has its result in the next message, and each result has
its call. A thinking block is either sent back unchanged, after unchanged messages, or left out. `problems` checks these
rules. This module does no I/O.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from mobifai.assistant.action_parser import Block
from mobifai.bounds import Bound, History

ApiMessage = Mapping[str, Any]
"""A message of the API: `role`, and `content` as a list of blocks."""

THINKING = ("thinking", "redacted_thinking")

_NOTHING: Block = {"type": "text", "text": "(no answer)"}


def size_of(message: ApiMessage) -> int:
    """Return the size of a message of the API in bytes, as JSON."""
    return len(msgspec.json.encode(message))


class Conversation:
    """The messages of a conversation: the user's request, and the model's latest answers, each with its results."""

    def __init__(self, messages: Bound, size: Bound) -> None:
        self._history: History[ApiMessage] = History(messages, size, size_of)

    @property
    def messages(self) -> list[ApiMessage]:
        """The messages to send to the model, oldest first."""
        return list(self._history)

    def begin(self, request: str) -> None:
        """Add the user's request as the first message, which is never evicted. Raises LimitReached."""
        self._append({"role": "user", "content": [_text(request)]})

    def answered(self, blocks: Sequence[Block]) -> None:
        """Add an answer of the model as the next message. Raises LimitReached."""
        self._append({"role": "assistant", "content": _acceptable(blocks)})

    def add_result(self, report: str, calls: Sequence[str], failed: bool = False) -> None:
        """Add a message with the outcome of the last answer. Raises LimitReached.

        `report` becomes the result of the first of the answer's tool calls (`calls`), or a text if there are none.
        """
        results = [_result(call, report if call == calls[0] else "See the first result.", failed) for call in calls]
        self._append({"role": "user", "content": results or [_text(report)]})

    def _append(self, message: ApiMessage) -> None:
        if self._history.append(message):
            self._history.rewrite(_without_thinking)

    def clear(self) -> None:
        """Remove all messages of the conversation."""
        self._history.clear()


def _text(text: str) -> Block:
    return {"type": "text", "text": text}


def _result(call: str, report: str, failed: bool) -> Block:
    return {"type": "tool_result", "tool_use_id": call, "content": [_text(report)], "is_error": failed}


def _acceptable(blocks: Sequence[Block]) -> list[Block]:
    """Return the blocks of an answer that may be sent back.

    Blank texts are left out. If the last block is thinking, a text is added, because an answer may not end with
    thinking.
    """
    kept = [block for block in blocks if block["type"] != "text" or block["text"].strip()]
    if not kept or kept[-1]["type"] in THINKING:
        return [*kept, _NOTHING]
    return kept


def _without_thinking(message: ApiMessage) -> ApiMessage:
    """Remove thinking from a message.

    Thinking is only valid after the original messages, and some of these have been evicted.
    """
    if message["role"] != "assistant":
        return message
    return {**message, "content": [block for block in message["content"] if block["type"] not in THINKING]}


def problems(messages: Sequence[ApiMessage]) -> list[str]:
    """Return the violations of the API's rules in these messages, each as a short text."""
    found = [] if messages and messages[0]["role"] == "user" else ["the first message is not the user's"]
    pending: set[str] = set()
    for at, message in enumerate(messages):
        found += _wrong_in(message, pending, at)
        if at and message["role"] == messages[at - 1]["role"]:
            found.append(f"messages {at - 1} and {at} have the same role")
        pending = {block["id"] for block in message["content"] if block["type"] == "tool_use"}
    return found + [f"the call {call} has no result" for call in sorted(pending)]


def _wrong_in(message: ApiMessage, pending: set[str], at: int) -> list[str]:
    found = [] if message["content"] else [f"message {at} is empty"]
    results = {block["tool_use_id"] for block in message["content"] if block["type"] == "tool_result"}
    found += [f"the call {call} before message {at} has no result" for call in sorted(pending - results)]
    found += [f"the result {call} in message {at} has no call" for call in sorted(results - pending)]
    blank = [block for block in message["content"] if block["type"] == "text" and not block["text"].strip()]
    return found + [f"message {at} has a blank text" for _ in blank]
