"""Actions within bounds."""

import json
from typing import Any

import msgspec
import pytest

from mobifai.assistant import keys
from mobifai.assistant.actions import (
    INPUT_SCHEMA,
    TOOLS,
    Actions,
    Delay,
    Keystroke,
    ModelAction,
    RequestScreen,
    SendMessage,
    typed_text,
    within_bounds,
)
from mobifai.limits import MAX_AI_DELAY, MAX_AI_KEYSTROKE, MAX_AI_MESSAGE


def plan(*actions: ModelAction, most: int = 50, typed: int = 8000) -> Any:
    return within_bounds(actions, most, typed)


def test_what_is_within_bounds_is_done_as_it_is() -> None:
    actions = (
        Keystroke(text="ls\n"),
        Keystroke(key="Enter"),
        Delay(0),
        SendMessage("hi"),
        RequestScreen(start=0, end=5),
    )
    assert plan(*actions).actions == actions
    assert plan(*actions).words == ()
    assert not plan(*actions).refused
    assert plan(*actions).looks_on == RequestScreen(start=0, end=5)


@pytest.mark.parametrize(("ms", "waited"), [(-1, 0), (0, 0), (MAX_AI_DELAY, MAX_AI_DELAY), (10**30, MAX_AI_DELAY)])
def test_a_delay_is_cut(ms: int, waited: int) -> None:
    assert plan(Delay(ms)).actions == (Delay(waited),)
    assert bool(plan(Delay(ms)).words) is (ms != waited)


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_a_message_is_cut(over: int) -> None:
    planned = plan(SendMessage("m" * (MAX_AI_MESSAGE + over)))
    assert planned.actions == (SendMessage("m" * min(MAX_AI_MESSAGE, MAX_AI_MESSAGE + over)),)
    assert len(planned.words) == (over > 0)


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_a_long_keystroke_is_never_cut_but_refused_with_all_after_it(over: int) -> None:
    planned = plan(SendMessage("first"), Keystroke(text="k" * (MAX_AI_KEYSTROKE + over)), Keystroke(text="\n"))
    assert len(planned.actions) == (1 if over > 0 else 3)
    assert planned.refused is (over > 0)
    assert ("Action 2 and all after it" in " ".join(planned.words)) is (over > 0)


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_a_turn_has_so_many_actions(over: int) -> None:
    planned = plan(*[Delay(0)] * (5 + over), most=5)
    assert len(planned.actions) == min(5, 5 + over)
    assert planned.refused is (over > 0)


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_a_turn_types_so_many_characters(over: int) -> None:
    planned = plan(Keystroke(text="12345"), Keystroke(text="1" * (4 + over)), Keystroke(key="Enter"), typed=10)
    assert planned.refused is (over > 0)
    assert planned.typed == min(10, 10 + over)


@pytest.mark.parametrize("odd", ["\x1b", "\x03", "\x00", "\x7f", "\x9b", "\x18", "a\x1b[A"])
def test_text_has_no_control_characters_for_which_no_key_is_there(odd: str) -> None:
    assert plan(Keystroke(text=odd)).refused


@pytest.mark.parametrize(
    ("text", "typed"), [("a\nb\n", "a\rb\r"), ("a\r\nb", "a\rb"), ("\tä日\U0001f600", "\tä日\U0001f600")]
)
def test_a_lines_end_is_typed_as_enter(text: str, typed: str) -> None:
    assert not plan(Keystroke(text=text)).refused
    assert typed_text(Keystroke(text=text), application=False) == typed


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "keystroke"},
        {"type": "keystroke", "text": "a", "key": "Enter"},
        {"type": "keystroke", "key": "F1"},
        {"type": "keystroke", "key": "enter"},
        {"type": "keystroke", "text": 1},
        {"type": "keystroke", "text": "a", "enter": True},
        {"type": "delay"},
        {"type": "delay", "ms": "5"},
        {"type": "delay", "ms": 0.5},
        {"type": "delay", "ms": True},
        {"type": "message", "text": None},
        {"type": "request_screen", "start": "0"},
        {"type": "shell", "command": "ls"},
        {},
        [],
        "keystroke",
    ],
)
def test_the_form_of_actions_is_strict(wrong: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"actions": [wrong]}, type=Actions, strict=True)


def variants() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = INPUT_SCHEMA["properties"]["actions"]["items"]["anyOf"]
    return found


def sample(schema: dict[str, Any]) -> object:
    if "const" in schema:
        return schema["const"]
    return {"string": schema.get("enum", ["x"])[-1], "integer": 3, "boolean": True}[schema["type"]]


def test_everything_that_the_schema_allows_is_understood() -> None:
    for variant in variants():
        for names in (variant["required"], list(variant["properties"])):
            value = {name: sample(variant["properties"][name]) for name in names}
            assert msgspec.convert({"actions": [value]}, type=Actions, strict=True)


def test_the_schema_stays_within_what_strict_tools_take() -> None:
    text = json.dumps(TOOLS)
    for word in ("minimum", "maximum", "minLength", "maxLength", "maxItems", "pattern", "$ref"):
        assert f'"{word}"' not in text
    for part in (INPUT_SCHEMA, *variants()):
        assert part["additionalProperties"] is False
    assert TOOLS[0]["strict"] is True


def test_the_schema_names_every_key() -> None:
    assert any(variant["properties"].get("key", {}).get("enum") == list(keys.NAMES) for variant in variants())
