"""The meaning of answers, in every form in which models send them."""

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobifai.assistant.action_parser import NotUnderstood, Understood, understand
from mobifai.assistant.actions import Delay, Keystroke, RequestScreen, SendMessage

LIST = [{"type": "keystroke", "text": "ls\n"}, {"type": "request_screen"}]
ACTIONS = (Keystroke(text="ls\n"), RequestScreen())


def call(value: object, name: str = "act", number: int = 1) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"toolu_{number}", "name": name, "input": value}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def test_a_call_of_the_tool_is_understood() -> None:
    assert understand([call({"actions": LIST})]) == Understood(ACTIONS, ("toolu_1",))


def test_words_beside_a_call_are_passed_over() -> None:
    assert understand([text('I will do {"actions": []}'), call({"actions": LIST})]) == Understood(ACTIONS, ("toolu_1",))


def test_several_calls_are_done_one_after_the_other() -> None:
    meaning = understand([call({"actions": LIST}), call({"actions": [{"type": "delay", "ms": 5}]}, number=2)])
    assert meaning == Understood((*ACTIONS, Delay(5)), ("toolu_1", "toolu_2"))


@pytest.mark.parametrize(
    "words",
    [
        json.dumps({"actions": LIST}),
        json.dumps(LIST),
        json.dumps({"actions": LIST}, indent=2),
        f"```json\n{json.dumps({'actions': LIST})}\n```",
        f"```\n{json.dumps(LIST)}\n```",
        f"Sure! Here is what I do:\n```json\r\n{json.dumps({'actions': LIST})}\n```\nThat lists the files.",
        f"I think {{we}} should [perhaps] do {json.dumps({'actions': LIST})} now.",
        f"Like this [1]: {json.dumps(LIST)}.",
        f"```json\nnot json\n```\n{json.dumps({'actions': LIST})}",
        f"```json\n{json.dumps({'actions': LIST})}",
    ],
)
def test_plain_json_is_understood(words: str) -> None:
    assert understand([text(words)]) == Understood(ACTIONS, ())


def test_a_single_action_is_understood() -> None:
    assert understand([text('{"type": "message", "text": "done {really}"}')]) == Understood(
        (SendMessage("done {really}"),), ()
    )


@pytest.mark.parametrize(
    ("block", "why"),
    [
        (text("I am done."), "found neither"),
        (text(""), "found neither"),
        (text('{"actions": "ls"}'), "schema"),
        (text('{"actions": []}'), "at least one"),
        (text('{"actions": [{"type": "keystroke", "key": "F1"}]}'), "F1"),
        (text('[{"type": "sudo"}]'), "sudo"),
        (text("[1, 2]"), "found neither"),
        (call({"actions": []}), "at least one"),
        (call({}), "actions"),
        (call({"actions": LIST}, name="bash"), "bash"),
        (call({"actions": LIST, "more": 1}), "more"),
    ],
)
def test_what_is_neither_is_given_back_with_a_reason(block: dict[str, Any], why: str) -> None:
    meaning = understand([block])
    assert isinstance(meaning, NotUnderstood)
    assert why in meaning.why
    assert meaning.calls == (("toolu_1",) if block["type"] == "tool_use" else ())


def test_an_answer_that_was_cut_off_is_not_half_understood() -> None:
    meaning = understand([call({"actions": LIST})], cut_off=True)
    assert isinstance(meaning, NotUnderstood)
    assert "cut off" in meaning.why


@pytest.mark.parametrize("hostile", ["[" * 100_000, '{"a":' * 20_000, '{"' * 50_000, "```" * 30_000, "```a\n" * 25_000])
def test_hostile_texts_take_no_time(hostile: str) -> None:
    began = time.process_time()
    assert isinstance(understand([text(hostile)]), NotUnderstood)
    assert time.process_time() - began < 2


_names = st.sampled_from(["type", "actions", "text", "key", "ms", "start", "risky"]) | st.text(max_size=3)
_words = st.sampled_from(["keystroke", "delay", "message", "request_screen", "Enter"]) | st.text(max_size=5)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_names, inner, max_size=4),
    max_leaves=12,
)


@given(_json, st.sampled_from(["{}", "```json\n{}\n```", "so: {} ok", "```{}```", "{}{}"]))
@settings(max_examples=300)
def test_any_json_is_understood_or_given_back(value: object, dress: str) -> None:
    words = json.dumps(value)
    for block in (text(dress.replace("{}", words)), call(value if isinstance(value, dict) else {"actions": value})):
        meaning = understand([block])
        if isinstance(meaning, Understood):
            assert all(
                isinstance(action, Keystroke | Delay | SendMessage | RequestScreen) for action in meaning.actions
            )
            assert meaning.actions
        else:
            assert 0 < len(meaning.why) <= 1000


@given(st.text(alphabet='{}[]":,`\\ntypeacionskrms01 \n', max_size=200))
@settings(max_examples=300)
def test_any_text_is_understood_or_given_back(words: str) -> None:
    understand([text(words)])
