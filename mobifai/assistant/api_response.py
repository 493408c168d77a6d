"""Strict decoding of replies of the Messages API, whole or as a stream of events, with limits on their size.

The settings may name any server, so only replies in the API's format are accepted. Only the parts that belong to a
conversation are kept. This module does no I/O.
"""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from mobifai.assistant.action_parser import Block
from mobifai.assistant.model import ModelResponse
from mobifai.bounds import Bound
from mobifai.errors import AssistantError

_Name = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9_-]+\Z")]


class TextBlock(Struct, tag="text", tag_field="type"):
    """A block of a model's answer that is a text for the user, or actions as JSON."""

    text: str


class ToolUseBlock(Struct, tag="tool_use", tag_field="type"):
    """A block of a model's answer that calls the tool `name` with an input."""

    id: _Name
    name: _Name
    input: dict[str, Any]


class ThinkingBlock(Struct, tag="thinking", tag_field="type"):
    """A block with the model's thinking. The next question either repeats it unchanged or leaves it out."""

    thinking: str
    signature: str = ""


class RedactedThinkingBlock(Struct, tag="redacted_thinking", tag_field="type"):
    """A block with the model's thinking that only the API can decrypt."""

    data: str


_Block = TextBlock | ToolUseBlock | ThinkingBlock | RedactedThinkingBlock
_KNOWN = ("text", "tool_use", "thinking", "redacted_thinking")


class Usage(Struct):
    """The token counts of a reply. A stream reports the input tokens first, and the output tokens later."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None

    @property
    def read(self) -> int:
        """The number of input tokens, including those read from the cache or written to it."""
        parts = (self.input_tokens, self.cache_creation_input_tokens, self.cache_read_input_tokens)
        return sum(max(0, part or 0) for part in parts)


class _Reply(Struct):
    content: list[dict[str, Any]]
    stop_reason: str | None = None
    usage: Usage = msgspec.field(default_factory=Usage)


def whole(body: bytes, bound: Bound) -> ModelResponse:
    """Return the answer in a reply that is not a stream. Raises AssistantError if it is invalid or exceeds `bound`."""
    try:
        reply = msgspec.json.decode(body, type=_Reply)
        blocks = [_block(block) for block in reply.content if block.get("type") in _KNOWN]
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise _unexpected(error) from None
    tokens = reply.usage.read + max(0, reply.usage.output_tokens or 0)
    return _answer(blocks, reply.stop_reason, tokens, bound)


def _block(block: object) -> Block:
    taken: dict[str, Any] = msgspec.to_builtins(msgspec.convert(block, type=_Block))
    return taken


def _unexpected(error: Exception) -> AssistantError:
    return AssistantError(f"the model's API sent an answer that is not a message: {str(error)[:200]}")


def _answer(blocks: Sequence[Block], reason: str | None, tokens: int, bound: Bound) -> ModelResponse:
    """Build the answer from its blocks. `reason` is why the model stopped.

    Raises AssistantError if the answer is larger than `bound`, or two tool calls have the same id.
    """
    calls = [block["id"] for block in blocks if block["type"] == "tool_use"]
    if len(set(calls)) < len(calls):
        raise AssistantError("the model's API answered with two tool calls that have the same id")
    try:
        size = len(msgspec.json.encode(blocks))
    except (msgspec.MsgspecError, UnicodeEncodeError, OverflowError, RecursionError) as error:
        raise _unexpected(error) from None
    if size > bound.capacity:
        raise AssistantError(str(bound.refuse(f"an answer of {size} bytes")))
    bound.set(size)
    cut_off = reason in ("max_tokens", "model_context_window_exceeded")
    return ModelResponse(tuple(blocks), tokens, cut_off=cut_off, refused=reason == "refusal")


# -- streams


class _Delta(Struct):
    type: str = ""
    text: str = ""
    partial_json: str = ""
    thinking: str = ""
    signature: str = ""
    stop_reason: str | None = None


class _Started(Struct):
    usage: Usage = msgspec.field(default_factory=Usage)


class _Event(Struct):
    type: str
    index: int = 0
    message: _Started | None = None
    content_block: dict[str, Any] | None = None
    delta: _Delta | None = None
    usage: Usage | None = None


class Failure(Struct):
    """The error in an `error` event of a stream: its type and message."""

    type: str = ""
    message: str = ""


class _Failed(Struct):
    error: Failure


def failure(data: str) -> Failure:
    """Decode the JSON data of an `error` event of a stream. Return an empty Failure for invalid data."""
    try:
        return msgspec.json.decode(data, type=_Failed).error
    except (msgspec.MsgspecError, RecursionError):
        return Failure()


class Stream:
    """Builds a model's answer from the events of a stream, which contain the blocks of the answer in order."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound
        self._blocks: list[Block] = []  # bounded by _bound
        self._open: dict[str, Any] | None = None
        self._parts: list[str] = []  # bounded by _bound
        self._size = 0
        self._read = self._written = 0
        self._reason: str | None = None
        self.ended = False

    def take(self, data: str) -> None:
        """Add the JSON data of one event to the answer. Raises AssistantError if it is invalid or exceeds a limit."""
        try:
            event = msgspec.json.decode(data, type=_Event)
            self._grow(len(data.encode()) if event.type.startswith("content_block") else 0)
            self._take(event)
        except (msgspec.MsgspecError, RecursionError, ValueError) as error:
            raise _unexpected(error) from None

    def _grow(self, size: int) -> None:
        """Add the `size` of an event in bytes to that of the answer. Raises AssistantError if the answer is too large.

        The event's own fields, about 100 bytes, are not counted.
        """
        self._size += max(0, size - _WRAPPING)
        if self._size > self._bound.capacity:
            raise AssistantError(str(self._bound.refuse(f"an answer of {self._size} bytes or more")))
        self._bound.set(self._size)

    def _take(self, event: _Event) -> None:
        match event.type:
            case "message_start" if event.message is not None:
                self._read = event.message.usage.read
                self._written = event.message.usage.output_tokens or 0
            case "content_block_start":
                block = event.content_block or {}
                self._open = dict(block) if block.get("type") in _KNOWN else None
                self._parts = []  # bounded by ASSISTANT_REPLY
            case "content_block_delta" if event.delta is not None:
                self._extend(event.delta)
            case "content_block_stop":
                self._finish_block()
            case "message_delta":
                self._reason = event.delta.stop_reason if event.delta else None
                self._written = (event.usage and event.usage.output_tokens) or self._written
            case "message_stop":
                self.ended = True

    def _extend(self, delta: _Delta) -> None:
        if self._open is None:
            return
        if delta.type == "signature_delta":
            self._open["signature"] = delta.signature
        else:
            self._parts.append(delta.text or delta.partial_json or delta.thinking)

    def _finish_block(self) -> None:
        block, self._open = self._open, None
        if block is None:
            return
        text = "".join(self._parts)
        self._parts = []  # bounded by ASSISTANT_REPLY
        match block["type"]:
            case "text" | "thinking" as kind:
                block[kind] = str(block.get(kind, "")) + text
            case "tool_use" if text:
                block["input"] = _input(text)
        self._blocks.append(_block(block))

    def answer(self) -> ModelResponse:
        """Return the whole answer, after the stream has ended. Raises AssistantError."""
        return _answer(self._blocks, self._reason, self._read + max(0, self._written), self._bound)


_WRAPPING = 96


def _input(text: str) -> dict[str, Any]:
    """Decode the input of a tool call. Return an empty input if the JSON is incomplete or invalid."""
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError:
        return {}
