"""A server on loopback with the Messages API, whose correct or faulty behaviour a test chooses."""

import asyncio
import importlib
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

CALL = {
    "type": "tool_use",
    "id": "toolu_01",
    "name": "act",
    "input": {"actions": [{"type": "keystroke", "text": "ls\n", "risky": False}, {"type": "request_screen"}]},
}
Reply = dict[str, Any]
Behaviour = Callable[[web.Request, dict[str, Any]], Coroutine[Any, Any, web.StreamResponse]]


def message(content: list[dict[str, Any]], stop_reason: str = "tool_use") -> Reply:
    """A message of the model."""
    return {
        "id": "msg_01",
        "type": "message",
        "role": "assistant",
        "model": "claude-opus-5-5",
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": {
            "input_tokens": 80,
            "output_tokens": 50,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 20,
        },
    }


def stream_of(reply: Reply) -> list[dict[str, Any]]:
    """The same message as a stream of events."""
    opening = {**reply, "content": [], "stop_reason": None, "usage": {**reply["usage"], "output_tokens": 1}}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": opening}, {"type": "ping"}]
    for index, block in enumerate(reply["content"]):
        events += _block_events(index, block)
    ending = {"stop_reason": reply["stop_reason"], "stop_sequence": None}
    events.append(
        {"type": "message_delta", "delta": ending, "usage": {"output_tokens": reply["usage"]["output_tokens"]}}
    )
    return [*events, {"type": "message_stop"}]


def _block_events(index: int, block: dict[str, Any]) -> list[dict[str, Any]]:
    empty, deltas = dict(block), []
    if block["type"] == "text":
        empty["text"] = ""
        deltas = [{"type": "text_delta", "text": part} for part in _parts(block["text"])]
    elif block["type"] == "tool_use":
        empty["input"] = {}
        deltas = [{"type": "input_json_delta", "partial_json": part} for part in _parts(json.dumps(block["input"]))]
    elif block["type"] == "thinking":
        empty["signature"] = ""
        deltas = [{"type": "signature_delta", "signature": block["signature"]}]
    return [
        {"type": "content_block_start", "index": index, "content_block": empty},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def _parts(text: str) -> list[str]:
    return [text[at : at + 7] for at in range(0, len(text), 7)]


def event_text(event: dict[str, Any]) -> bytes:
    """Return one event in its wire format."""
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()


class MessagesServer:
    """Answers each request with the next behaviour, and repeats the last one. `requests` are the bodies."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.behaviours: list[Behaviour] = []
        self.cut = asyncio.Event()
        """A client disconnected during an endless wait."""
        self.reached = asyncio.Event()
        """A request has reached an endless wait."""

    def then(self, *behaviours: Behaviour) -> None:
        self.behaviours.extend(behaviours)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append(body)
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        behaviour = self.behaviours[min(len(self.requests), len(self.behaviours)) - 1]
        return await behaviour(request, body)

    # -- behaviours

    def answers(self, *content: dict[str, Any], stop_reason: str = "tool_use") -> Behaviour:
        """Send a correct answer, in the requested form."""

        async def behave(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
            reply = message(list(content), stop_reason)
            if not body.get("stream"):
                return web.json_response(reply)
            return await self.stream(request, [event_text(event) for event in stream_of(reply)])

        return behave

    def fails(self, status: int, kind: str = "api_error", **headers: str) -> Behaviour:
        """Send an error in the API's format."""

        async def behave(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
            error = {"type": "error", "error": {"type": kind, "message": f"{kind} of this test"}}
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return web.json_response(error, status=status, headers=named)

        return behave

    def streams(self, *chunks: bytes, end: str = "well") -> Behaviour:
        """Send these bytes. Then the connection ends `well`, is `cut`, or never ends (`hang`)."""

        async def behave(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
            return await self.stream(request, list(chunks), end)

        return behave

    def drips(self) -> Behaviour:
        """Send a ping from time to time, without end."""

        async def behave(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
            response = await self._begin(request)
            try:
                while True:
                    await response.write(event_text({"type": "ping"}))
                    self.reached.set()
                    await asyncio.sleep(0.02)
            finally:
                self.cut.set()

        return behave

    def never_answers(self) -> Behaviour:
        """Read the request, and send nothing."""

        async def behave(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
            self.reached.set()
            try:
                return await asyncio.get_running_loop().create_future()
            finally:
                self.cut.set()

        return behave

    async def stream(self, request: web.Request, chunks: list[bytes], end: str = "well") -> web.StreamResponse:
        response = await self._begin(request)
        for chunk in chunks:
            await response.write(chunk)
        if end == "cut":
            assert request.transport is not None
            request.transport.abort()
        if end == "hang":
            self.reached.set()
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                self.cut.set()
        return response

    async def _begin(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        return response


@asynccontextmanager
async def messages_server() -> AsyncIterator[MessagesServer]:
    """Run a server on a free port in this scope.

    Its client is imported first. That takes two seconds, and on a busy machine longer than a test waits for an answer.
    """
    importlib.import_module("mobifai.assistant.anthropic_model")
    server = MessagesServer()
    app = web.Application(client_max_size=8 << 20)
    app.router.add_post("/v1/messages", server.handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield server
    finally:
        await runner.cleanup()
