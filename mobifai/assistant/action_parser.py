"""Parses a model's answer: a call of the tool `act`, or actions as JSON in its text.

This module does no I/O. It accepts any input.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from mobifai.assistant.actions import TOOL, Actions, ModelAction
from mobifai.limits import MAX_ID

CANDIDATES = 64
"""The maximum number of positions in a text at which the parser looks for JSON."""

Block = Mapping[str, Any]

_FENCE = re.compile(r"```[A-Za-z0-9]{0,16}[ \t]*\r?\n(.*?)```", re.DOTALL)
_OPENING = re.compile(r"[{\[]")
_decoder = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Understood:
    """The actions that an answer requests, in order.

    `calls` are the ids of the answer's tool calls, which need a result.
    """

    actions: tuple[ModelAction, ...]
    calls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    """The result for an answer without readable actions. `why` is the explanation for the model.

    `calls` are the ids of the answer's tool calls, which need a result.
    """

    why: str
    calls: tuple[str, ...]


def understand(blocks: Sequence[Block], cut_off: bool = False) -> Understood | NotUnderstood:
    """Return the actions in a model's answer, or why there are none.

    `cut_off`: the answer exceeded its limit, so it is incomplete.
    """
    called = [block for block in blocks if block["type"] == "tool_use"]
    calls = tuple(str(block["id"]) for block in called)
    if cut_off:
        return NotUnderstood("your answer was cut off, since it was too long; be brief", calls)
    try:
        actions = _from_calls(called) if called else _from_text(blocks)
    except (ValueError, RecursionError) as error:
        return NotUnderstood(str(error)[:1000], calls)
    return Understood(actions, calls)


def _from_calls(called: Sequence[Block]) -> tuple[ModelAction, ...]:
    actions: list[ModelAction] = []
    for block in called:
        if block["name"] != TOOL:
            raise ValueError(f"the only tool is {TOOL}; found {str(block['name'])[:MAX_ID]!r}")
        actions += _convert(block["input"])
    return tuple(actions)


def _from_text(blocks: Sequence[Block]) -> tuple[ModelAction, ...]:
    text = "\n".join(str(block["text"]) for block in blocks if block["type"] == "text")
    why = f"expected a call of the tool {TOOL}, or its input as JSON; found neither"
    for value in _values(text):
        try:
            return _convert(_as_input(value))
        except ValueError as error:
            if _looks_meant(value):
                why = str(error)
    raise ValueError(why)


def _values(text: str) -> Iterator[object]:
    """Yield the JSON values in a text: first those in code blocks, then those in the whole text."""
    for fenced in _FENCE.findall(text)[:CANDIDATES]:
        yield from _scan(fenced)
    yield from _scan(text)


def _scan(text: str) -> Iterator[object]:
    position = 0
    for _ in range(CANDIDATES):
        opening = _OPENING.search(text, position)
        if opening is None:
            return
        try:
            value, position = _decoder.raw_decode(text, opening.start())
        except (ValueError, RecursionError):
            position = opening.end()
        else:
            yield value


def _as_input(value: object) -> object:
    """Convert a list of actions or a single action to an object, the form that `act` expects.

    Return other values unchanged.
    """
    if isinstance(value, list):
        return {"actions": value}
    return {"actions": [value]} if isinstance(value, dict) and "type" in value else value


def _looks_meant(value: object) -> bool:
    if isinstance(value, list):
        return any(_looks_meant(each) for each in value)
    return isinstance(value, dict) and ("actions" in value or "type" in value)


def _convert(value: object) -> tuple[ModelAction, ...]:
    """Convert the input of the tool `act` to actions.

    Raises ValueError if the input does not match the schema or has no actions.
    """
    try:
        actions = msgspec.convert(value, type=Actions, strict=True).actions
    except msgspec.ValidationError as error:
        raise ValueError(f"the input of {TOOL} does not match its schema: {error}") from None
    if not actions:
        raise ValueError("expected at least one action; found none")
    return actions
