"""The real client of the API against a server on loopback that answers well and badly."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mobifai.protocol import messages
from tests.assistant.api_rules import ApiRules
from tests.assistant.messages_server import CALL, MessagesServer, event_text, message, messages_server, stream_of
from tests.assistant.place import Place, a_place
from tests.support.eventually import eventually

KEY = "sk-ant-test-0123456789"
DONE = {
    "type": "tool_use",
    "id": "toolu_02",
    "name": "act",
    "input": {"actions": [{"type": "message", "text": "done"}]},
}

both_forms = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])


@asynccontextmanager
async def a_place_with_a_server(
    state: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any
) -> AsyncIterator[tuple[Place, MessagesServer]]:
    limits = settings.pop("limits", None)
    async with messages_server() as server:
        settings = {"base_url": server.url, "answer_seconds": 30.0, **settings}
        async with a_place(state, environ={"ANTHROPIC_API_KEY": KEY}, limits=limits, **settings) as place:
            yield place, server


@both_forms
async def test_a_conversation_with_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stream: bool) -> None:
    thought = {"type": "thinking", "thinking": "", "signature": "c2ln"}
    async with a_place_with_a_server(tmp_path, monkeypatch, stream=stream) as (place, server):
        server.then(server.answers(thought, CALL), server.answers(DONE))
        place.prompt("list the files")
        event, payload = await place.phone.end()
        assert event == "ai:finished", payload
        assert (payload["turns"], payload["tokens"]) == (2, 300)
        assert place.terminal.text == "ls\r"
        assert place.phone.of("ai:message")[0]["text"] == "done"
    first, second = server.requests
    assert first["model"] == "claude-opus-5-5"
    assert first["max_tokens"] == 16_000
    assert bool(first.get("stream")) is stream
    assert first["tools"][0]["strict"] is True
    assert first["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
    assert "list the files" in first["messages"][0]["content"][0]["text"]
    assert second["messages"][:1] == first["messages"]
    assert second["messages"][1] == {"role": "assistant", "content": [thought, CALL]}
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    assert server.headers[0]["accept-encoding"] == "identity"
    rules = ApiRules(20, 1 << 19)
    rules.check(first["messages"])
    rules.answered(first["messages"], [thought])
    rules.check(second["messages"])


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (400, "invalid_request_error", "does not accept the request (400): invalid_request_error of this test"),
        (401, "authentication_error", "does not accept the key (401): check ANTHROPIC_API_KEY or"),
        (403, "permission_error", "does not accept the key (403)"),
        (404, "not_found_error", "does not know the model 'claude-opus-5-5' (404)"),
        (413, "request_too_large", "too large for the model's API (413)"),
    ],
)
async def test_an_error_that_no_retry_can_help_ends_immediately(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, kind: str, words: str
) -> None:
    async with a_place_with_a_server(tmp_path, monkeypatch) as (place, server):
        server.then(server.fails(status, kind))
        place.prompt()
        event, payload = await place.phone.end()
        assert event == "ai:error"
        assert words in payload["error"]
        assert KEY not in json.dumps(place.phone.said)
        assert len(server.requests) == 1
        assert place.phone.of("ai:message") == []


@both_forms
@pytest.mark.parametrize(
    ("status", "words"), [(429, "too many requests"), (529, "overloaded"), (500, "internal error")]
)
async def test_what_may_pass_is_tried_again_as_the_phone_sees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, words: str, stream: bool
) -> None:
    async with a_place_with_a_server(tmp_path, monkeypatch, stream=stream) as (place, server):
        server.then(server.fails(status, retry_after_ms="1"), server.answers(DONE))
        place.prompt()
        assert (await place.phone.end())[0] == "ai:finished"
        notice, said = place.phone.of("ai:message")
        assert notice["source"] == "agent"
        assert words in notice["text"]
        assert notice["text"].endswith("asking again (retry 1 of 2)")
        assert said["text"] == "done"
        assert len(server.requests) == 2


async def test_what_does_not_pass_ends_with_an_error_after_the_clients_tries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_place_with_a_server(tmp_path, monkeypatch) as (place, server):
        server.then(server.fails(529, "overloaded_error", retry_after_ms="1"))
        place.prompt()
        event, payload = await place.phone.end()
        assert event == "ai:error"
        assert payload["error"] == "the model's API is overloaded (529): overloaded_error of this test"
        assert len(server.requests) == 3
        assert [notice["text"][-14:] for notice in place.phone.of("ai:message")] == ["(retry 1 of 2)", "(retry 2 of 2)"]


async def test_the_api_may_say_that_trying_again_is_of_no_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_place_with_a_server(tmp_path, monkeypatch) as (place, server):
        server.then(server.fails(529, x_should_retry="false"))
        place.prompt()
        assert "overloaded" in (await place.phone.end())[1]["error"]
        assert len(server.requests) == 1
        assert place.phone.of("ai:message") == []


@pytest.mark.parametrize("wait", ["3600", "1e9", "inf"])
async def test_nobody_waits_for_an_hour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wait: str) -> None:
    async with a_place_with_a_server(tmp_path, monkeypatch) as (place, server):
        server.then(server.fails(429, "rate_limit_error", retry_after=wait))
        place.prompt()
        event, payload = await place.phone.end()
        assert event == "ai:error"
        assert "asks to wait" in payload["error"]
        assert len(server.requests) == 1


GOOD = [event_text(event) for event in stream_of(message([DONE]))]


@pytest.mark.parametrize("after", [0, 1, 4, len(GOOD) - 1])
@pytest.mark.parametrize("end", ["cut", "well"])
async def test_a_cut_stream_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int, end: str
) -> None:
    async with a_place_with_a_server(tmp_path, monkeypatch) as (place, server):
        server.then(server.streams(*GOOD[:after], end=end), server.answers(DONE))
        place.prompt()
        event, payload = await place.phone.end()
        assert event == "ai:finished", payload
        notice, said = place.phone.of("ai:message")
        assert "connection to the model's API" in notice["text"]
        assert said["text"] == "done"


async def test_a_stream_that_is_always_cut_ends_with_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_place_with_a_server(tmp_path, monkeypatch) as (place, server):
        server.then(server.streams(*GOOD[:3], end="cut"))
        place.prompt()
        event, payload = await place.phone.end()
        assert event == "ai:error"
        assert "the connection to the model's API failed" in payload["error"]
        assert len(server.requests) == 3


def failure(kind: str) -> bytes:
    return event_text({"type": "error", "error": {"type": kind, "message": "of this test"}})


async def test_an_overload_in_the_middle_of_a_stream_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_place_with_a_server(tmp_path, monkeypatch) as (place, server):
        server.then(server.streams(*GOOD[:3], failure("overloaded_error")), server.answers(DONE))
        place.prompt()
        assert (await place.phone.end())[0] == "ai:finished"
        assert "(overloaded_error): of this test; asking again" in place.phone.of("ai:message")[0]["text"]


@pytest.mark.parametrize(
    ("chunks", "words"),
    [
        ([failure("invalid_request_error")], "(invalid_request_error): of this test"),
        ([b"event: error\ndata: garbage\n\n"], "no reason was given"),
        ([b"event: message_start\ndata: {not json\n\n"], "an answer that is not a message"),
        ([b"event: x\ndata: \xff\xfe\n\n"], "an answer that is not valid UTF-8"),
        ([b"<html>hello</html>\n\n"], "cut in the middle"),
    ],
)
async def test_what_is_no_stream_ends_with_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunks: list[bytes], words: str
) -> None:
    async with a_place_with_a_server(tmp_path, monkeypatch, retries=0) as (place, server):
        server.then(server.streams(*chunks))
        place.prompt()
        event, payload = await place.phone.end()
        assert event == "ai:error"
        assert words in payload["error"]


@both_forms
async def test_slow_bytes_do_not_hang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stream: bool) -> None:
    settings = {"stream": stream, "answer_seconds": 0.5, "retries": 0}
    async with a_place_with_a_server(tmp_path, monkeypatch, **settings) as (place, server):
        server.then(server.drips())
        place.prompt()
        event, payload = await place.phone.end()
        assert (event, payload["error"]) == ("ai:error", "the model did not answer within 0.5 s; try again later")
        await asyncio.wait_for(server.cut.wait(), 10)


async def test_silence_is_tried_again_and_ends_with_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"read_seconds": 0.2, "retries": 1}
    async with a_place_with_a_server(tmp_path, monkeypatch, **settings) as (place, server):
        server.then(server.never_answers(), server.streams(*GOOD[:2], end="hang"))
        place.prompt()
        event, payload = await place.phone.end()
        assert (event, payload["error"]) == ("ai:error", "the model's API sent nothing for 0.2 s")
        assert len(server.requests) == 2


async def test_nobody_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_place_with_a_server(tmp_path, monkeypatch) as (_, server):
        gone = server.url
    async with a_place(tmp_path, environ={"ANTHROPIC_API_KEY": KEY}, base_url=gone, retries=1) as place:
        place.prompt()
        assert "the connection to the model's API failed" in (await place.phone.end())[1]["error"]


@pytest.mark.parametrize("where", ["before the reply", "within the stream"])
async def test_a_cancel_closes_the_connection_immediately(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    async with a_place_with_a_server(tmp_path, monkeypatch) as (place, server):
        server.then(server.never_answers() if where == "before the reply" else server.streams(*GOOD[:3], end="hang"))
        place.prompt()
        await asyncio.wait_for(server.reached.wait(), 10)
        place.assistant.cancel(messages.AiCancel(), place.phone)
        event, payload = await place.phone.end()
        assert (event, payload["outcome"]) == ("ai:finished", "cancelled")
        await asyncio.wait_for(server.cut.wait(), 10)


@both_forms
async def test_a_reply_has_so_many_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stream: bool) -> None:
    settings = {"stream": stream, "limits": {"assistant.reply": 1000}}
    async with a_place_with_a_server(tmp_path, monkeypatch, **settings) as (place, server):
        server.then(server.answers({"type": "text", "text": "x" * 2000}))
        place.prompt()
        event, payload = await place.phone.end()
        assert event == "ai:error"
        assert "assistant.reply" in payload["error"]
        assert len(server.requests) == 1


async def test_an_error_has_so_many_bytes_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_place_with_a_server(tmp_path, monkeypatch, limits={"assistant.reply": 1000}) as (place, server):
        server.then(server.fails(400, "x" * 2000))
        place.prompt()
        assert "assistant.reply" in (await place.phone.end())[1]["error"]


async def test_a_compressed_reply_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def packed(request: Any, body: dict[str, Any]) -> Any:
        response = await server.fails(400)(request, body)
        response.headers["content-encoding"] = "gzip"
        return response

    async with a_place_with_a_server(tmp_path, monkeypatch) as (place, server):
        server.then(packed)
        place.prompt()
        assert "sent a compressed answer" in (await place.phone.end())[1]["error"]


async def test_a_redirect_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with messages_server() as elsewhere:
        elsewhere.then(elsewhere.answers(DONE))

        async def redirects(request: Any, body: dict[str, Any]) -> Any:
            response = await server.fails(307)(request, body)
            response.headers["location"] = f"{elsewhere.url}/v1/messages"
            return response

        async with a_place_with_a_server(tmp_path, monkeypatch) as (place, server):
            server.then(redirects)
            place.prompt()
            assert "refused the request (307)" in (await place.phone.end())[1]["error"]
        assert elsewhere.requests == []


async def test_a_plain_address_in_the_environment_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://api.example.com")
    async with a_place(tmp_path, environ={"ANTHROPIC_API_KEY": KEY}) as place:
        place.prompt()
        error = (await place.phone.end())[1]["error"]
        assert error.startswith("ANTHROPIC_BASE_URL: expected an https:// address")


async def test_a_proxy_never_gets_a_key_that_is_not_encrypted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with messages_server() as proxy, messages_server() as server:
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        server.then(server.answers(DONE))
        proxy.then(proxy.answers(DONE))
        async with a_place(tmp_path, environ={"ANTHROPIC_API_KEY": KEY}, base_url=server.url) as place:
            place.prompt()
            assert (await place.phone.end())[0] == "ai:finished"
        assert (len(server.requests), len(proxy.requests)) == (1, 0)


async def test_two_conversations_speak_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_place_with_a_server(tmp_path, monkeypatch, retries=0) as (place, server):
        server.then(server.never_answers(), server.answers(DONE))
        place.terminals.terminals.append(type(place.terminal)("b"))
        place.prompt(uuid="a")
        await asyncio.wait_for(server.reached.wait(), 10)
        place.prompt(uuid="b")
        event, payload = await place.phone.end()
        assert (event, payload["uuid"]) == ("ai:finished", "b")
        await eventually(lambda: place.entry("assistant.conversations").used == 1)
