"""In any course of a conversation, its requests are valid for the API, and its size is bounded."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mobifai.assistant.conversation import Conversation, problems, size_of
from mobifai.bounds import Ledger
from mobifai.errors import LimitReached
from mobifai.limits import ASSISTANT_HISTORY, ASSISTANT_HISTORY_BYTES
from tests.assistant.api_rules import ApiRules


def a_conversation(messages: int = 20, size: int = 1 << 19) -> Conversation:
    ledger = Ledger({"assistant.history": messages, "assistant.history_bytes": size})
    return Conversation(ledger.open(ASSISTANT_HISTORY), ledger.open(ASSISTANT_HISTORY_BYTES))


_words = st.text(max_size=40) | st.sampled_from(["", " ", "\n"]) | st.text("x", min_size=100, max_size=900)


class AnyConversation(RuleBasedStateMachine):
    """Answers with any number of calls, words and thoughts, and reports of any size."""

    @initialize(messages=st.integers(3, 9), size=st.integers(3_000, 9_000), request=_words)
    def begin(self, messages: int, size: int, request: str) -> None:
        self.most, self.size = messages, size
        self.conversation = a_conversation(messages, size)
        self.rules = ApiRules(messages, size)
        self.request = f"request {request}"
        self.conversation.begin(self.request)
        self.calls: tuple[str, ...] | None = None
        self.numbers = 0
        self.newest: list[object] = []

    def number(self) -> int:
        self.numbers += 1
        return self.numbers

    @precondition(lambda self: self.calls is None)
    @rule(words=st.lists(_words, max_size=2), calls=st.integers(0, 3), thinks=st.booleans(), late=st.booleans())
    def answer(self, words: list[str], calls: int, thinks: bool, late: bool) -> None:
        blocks: list[dict[str, Any]] = []
        thought = {"type": "thinking", "thinking": "", "signature": f"s{self.number()}"}
        blocks += [thought] if thinks and not late else []
        blocks += [{"type": "text", "text": text} for text in words]
        blocks += [
            {"type": "tool_use", "id": f"c{self.number()}", "name": "act", "input": {"n": 1}} for _ in range(calls)
        ]
        blocks += [thought] if thinks and late else []
        self.rules.answered(json.loads(msgspec.json.encode(self.conversation.messages)), blocks)
        self.conversation.answered(blocks)
        self.calls = tuple(block["id"] for block in blocks if block["type"] == "tool_use")

    @precondition(lambda self: self.calls is not None)
    @rule(report=_words, failed=st.booleans())
    def tell(self, report: str, failed: bool) -> None:
        assert self.calls is not None
        self.conversation.add_result(f"report {report}", self.calls, failed)
        self.newest = [self.conversation.messages[-2]["role"], report]
        self.calls = None

    @invariant()
    def what_is_sent_is_valid_and_bounded(self) -> None:
        if not hasattr(self, "conversation"):
            return
        messages = json.loads(msgspec.json.encode(self.conversation.messages))
        assert len(messages) <= self.most
        assert sum(map(size_of, messages)) <= self.size
        assert messages[0]["content"] == [{"type": "text", "text": self.request}]
        if self.calls is None:
            self.rules.check(messages)
            assert problems(messages) == []
        else:
            assert messages[-1]["role"] == "assistant"
            assert not [one for one in problems(messages) if "has no result" not in one]


TestAnyConversation = AnyConversation.TestCase
TestAnyConversation.settings = settings(max_examples=100, stateful_step_count=30)


def exchange(conversation: Conversation, number: int, thinks: bool = False) -> None:
    thought = [{"type": "thinking", "thinking": "", "signature": f"s{number}"}] if thinks else []
    call = {"type": "tool_use", "id": f"c{number}", "name": "act", "input": {}}
    conversation.answered([*thought, call])
    conversation.add_result(f"report {number}", [f"c{number}"])


@pytest.mark.parametrize(
    ("exchanges", "messages", "oldest"), [(9, 19, "report 0"), (10, 19, "report 1"), (50, 19, "report 41")]
)
def test_it_keeps_the_request_and_the_newest_exchanges(exchanges: int, messages: int, oldest: str) -> None:
    conversation = a_conversation()
    conversation.begin("the request")
    for number in range(exchanges):
        exchange(conversation, number)
    assert len(conversation.messages) == messages
    assert conversation.messages[0]["content"][0]["text"] == "the request"
    assert conversation.messages[2]["content"][0]["content"][0]["text"] == oldest


def thoughts(conversation: Conversation) -> list[str]:
    return [
        block["signature"]
        for message in conversation.messages
        for block in message["content"]
        if block["type"] == "thinking"
    ]


def test_thoughts_come_back_until_something_before_them_is_gone() -> None:
    conversation = a_conversation(messages=5)
    conversation.begin("the request")
    exchange(conversation, 0, thinks=True)
    exchange(conversation, 1, thinks=True)
    assert thoughts(conversation) == ["s0", "s1"]
    exchange(conversation, 2, thinks=True)
    assert thoughts(conversation) == []


def test_what_is_too_large_even_alone_is_refused() -> None:
    conversation = a_conversation(size=1000)
    conversation.begin("the request")
    exchange(conversation, 0)
    with pytest.raises(LimitReached):
        conversation.answered([{"type": "text", "text": "x" * 1000}])


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        ([], "first message"),
        ([{"role": "assistant", "content": [{"type": "text", "text": "a"}]}], "first message"),
        ([{"role": "user", "content": []}], "empty"),
        ([{"role": "user", "content": [{"type": "text", "text": " "}]}], "blank"),
        ([{"role": "user", "content": [{"type": "text", "text": "a"}]}] * 2, "same role"),
        ([{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": []}]}], "no call"),
        (
            [
                {"role": "user", "content": [{"type": "text", "text": "a"}]},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "act", "input": {}}]},
                {"role": "user", "content": [{"type": "text", "text": "a"}]},
            ],
            "no result",
        ),
    ],
)
def test_the_checker_finds_what_the_api_would_not_take(messages: list[dict[str, Any]], problem: str) -> None:
    assert any(problem in found for found in problems(messages))
