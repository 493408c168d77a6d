"""The Messages API's requirements of a request, written from its documentation and not from the product's code.

- `messages` is not empty, begins and ends with the user's, and roles alternate.
- `content` is a non-empty list of blocks (or a text); a text block is not blank.
- An answer with tool calls is followed by the user's message with exactly their results, which come before any text.
- A result is for a call of the message before; ids of calls are not used twice.
- An answer does not end with thinking. A thinking block comes back only with everything before it as it was.
"""

import json
from hashlib import sha256
from typing import Any

Request = dict[str, Any]


class ApiRules:
    """Checks the requests of one conversation, one after the other. Raises AssertionError."""

    def __init__(self, most_messages: int, most_bytes: int) -> None:
        self._most_messages = most_messages
        self._most_bytes = most_bytes
        self._prefixes: dict[str, str] = {}
        self.requests = 0

    def check(self, messages: list[dict[str, Any]]) -> None:
        """Check one request."""
        self.requests += 1
        assert 0 < len(messages) <= self._most_messages
        assert len(json.dumps(messages, ensure_ascii=False).encode()) <= self._most_bytes * 1.2  # blanks after , and :
        assert [message["role"] for message in messages] == (["user", "assistant"] * len(messages))[: len(messages)]
        assert messages[-1]["role"] == "user"
        used: set[str] = set()
        for at, message in enumerate(messages):
            content = message["content"]
            assert content
            assert isinstance(content, list)
            _check_blocks(message["role"], content)
            calls = _ids(content, "tool_use", "id")
            assert len(set(calls)) == len(calls)
            assert not used & set(calls)
            used |= set(calls)
            results = _ids(content, "tool_result", "tool_use_id")
            assert results == (_ids(messages[at - 1]["content"], "tool_use", "id") if at else [])
            self._check_thinking(messages, at)
        assert not _ids(messages[-1]["content"], "tool_use", "id")

    def answered(self, messages: list[dict[str, Any]], blocks: list[dict[str, Any]]) -> None:
        """Remember what a thinking block of an answer to this request was thought after."""
        for block in blocks:
            if block["type"] == "thinking":
                self._prefixes[block["signature"]] = _digest(messages)

    def _check_thinking(self, messages: list[dict[str, Any]], at: int) -> None:
        for block in messages[at]["content"]:
            if block["type"] == "thinking":
                assert self._prefixes[block["signature"]] == _digest(messages[:at]), "thinking after a changed prefix"


def _digest(messages: list[dict[str, Any]]) -> str:
    return sha256(json.dumps(messages).encode()).hexdigest()


def _check_blocks(role: str, content: list[dict[str, Any]]) -> None:
    kinds = [block["type"] for block in content]
    allowed = {"text", "tool_result"} if role == "user" else {"text", "tool_use", "thinking"}
    assert set(kinds) <= allowed
    assert kinds == sorted(kinds, key=lambda kind: kind != "tool_result") or role == "assistant"
    assert kinds[-1] != "thinking"
    for block in content:
        if block["type"] == "text":
            assert block["text"].strip()
        if block["type"] == "tool_use":
            assert isinstance(block["input"], dict)
        if block["type"] == "tool_result":
            assert all(part["text"].strip() for part in block["content"])


def _ids(content: list[dict[str, Any]], kind: str, name: str) -> list[str]:
    return [block[name] for block in content if block["type"] == kind]
