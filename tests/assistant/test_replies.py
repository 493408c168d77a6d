"""The replies of a server, and their interpretation."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobifai.assistant import api_response as replies
from mobifai.assistant.model import ModelResponse
from mobifai.bounds import Bound, Ledger
from mobifai.errors import AssistantError
from mobifai.limits import ASSISTANT_ANSWER
from tests.assistant.messages_server import CALL, message, stream_of


def a_bound(capacity: int = 10_000) -> Bound:
    return Ledger({"assistant.answer": capacity}).open(ASSISTANT_ANSWER)


def whole(reply: object, capacity: int = 10_000) -> ModelResponse:
    return replies.whole(json.dumps(reply).encode(), a_bound(capacity))


def streamed(events: list[dict[str, Any]], capacity: int = 10_000) -> ModelResponse:
    stream = replies.Stream(a_bound(capacity))
    for event in events:
        stream.take(json.dumps(event))
    assert stream.ended
    return stream.answer()


THOUGHT = {"type": "thinking", "thinking": "", "signature": "c2ln"}
HIDDEN = {"type": "redacted_thinking", "data": "ZGF0YQ"}
WORDS = {"type": "text", "text": "I will \u00e4 \U0001f600"}
STRANGE = {"type": "server_tool_use", "id": "x", "name": "search", "input": {}}


@pytest.mark.parametrize("content", [[CALL], [WORDS], [THOUGHT, CALL], [HIDDEN, WORDS, CALL], []])
def test_both_forms_of_a_reply_give_the_same_answer(content: list[dict[str, Any]]) -> None:
    answer = whole(message(content))
    assert list(answer.blocks) == content
    assert streamed(stream_of(message(content))) == answer
    assert answer.tokens == 150


def test_blocks_that_are_not_known_are_left_out() -> None:
    assert list(whole(message([STRANGE, CALL])).blocks) == [CALL]
    assert list(streamed(stream_of(message([STRANGE, CALL]))).blocks) == [CALL]


@pytest.mark.parametrize(
    ("reason", "cut_off", "refused"),
    [("tool_use", False, False), ("max_tokens", True, False), ("refusal", False, True)],
)
def test_why_it_stopped_is_known(reason: str, cut_off: bool, refused: bool) -> None:
    for answer in (whole(message([CALL], reason)), streamed(stream_of(message([CALL], reason)))):
        assert (answer.cut_off, answer.refused) == (cut_off, refused)


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_an_answer_has_so_many_bytes(over: int) -> None:
    block = {"type": "text", "text": "x" * (1000 - 28 + over)}
    size = len(json.dumps([block], separators=(",", ":")))
    for take in (lambda: whole(message([block]), 1000), lambda: streamed(stream_of(message([block])), 1000)):
        if size > 1000:
            with pytest.raises(AssistantError, match="assistant.answer"):
                take()
        else:
            assert list(take().blocks) == [block]


def test_a_stream_without_end_is_ended_early() -> None:
    stream = replies.Stream(a_bound(10_000))
    start, *_ = stream_of(message([WORDS]))
    stream.take(json.dumps(start))
    stream.take(json.dumps({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}))
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x" * 500}}
    with pytest.raises(AssistantError, match="assistant.answer"):
        for _ in range(100):
            stream.take(json.dumps(delta))


@pytest.mark.parametrize(
    "content",
    [
        "text",
        None,
        [{"type": "text"}],
        [{"type": "text", "text": 1}],
        [{"type": "tool_use", "id": "a b", "name": "act", "input": {}}],
        [{"type": "tool_use", "id": "a", "name": "act", "input": "x"}],
        [{"type": "tool_use", "id": "", "name": "act", "input": {}}],
        [{**CALL}, {**CALL}],
        [{"type": "text", "text": "\ud800"}],
        [5],
    ],
)
def test_what_is_no_message_is_refused(content: object) -> None:
    with pytest.raises(AssistantError):
        whole({**message([]), "content": content})


def test_a_tools_input_that_was_cut_off_is_empty() -> None:
    events = stream_of(message([CALL], "max_tokens"))
    events = [event for event in events if "input_json_delta" not in json.dumps(event)]
    answer = streamed(events)
    assert (answer.blocks[0]["input"], answer.cut_off) == ({}, True)


_values = st.recursive(
    st.none() | st.integers() | st.text(max_size=4) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["type", "delta", "content_block", "index", "usage", "message", "text", "input_tokens",
                         "content"]),
        inner | st.sampled_from(["content_block_start", "content_block_delta", "content_block_stop", "message_start",
                                 "message_delta", "message_stop", "text", "tool_use", "text_delta"]), max_size=4),
    max_leaves=10,
)  # fmt: skip


@given(st.lists(_values, max_size=8))
@settings(max_examples=300)
def test_any_json_is_an_answer_or_an_error(events: list[object]) -> None:
    stream = replies.Stream(a_bound())
    try:
        for event in events:
            stream.take(json.dumps(event))
        stream.answer()
    except AssistantError:
        pass
    for event in events:
        with contextlib.suppress(AssistantError):
            whole(event)


@given(st.binary(max_size=60))
@settings(max_examples=200)
def test_any_bytes_are_an_answer_or_an_error(body: bytes) -> None:
    with pytest.raises(AssistantError):
        replies.whole(body, a_bound())
    assert replies.failure(body.decode("utf-8", "replace")).type == ""
