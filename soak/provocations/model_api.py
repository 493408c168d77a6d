"""A server that imitates a small part of Anthropic's Messages API. Its answers are huge, or are never sent.

Owns its socket within a scope.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum, auto
from typing import Any

from aiohttp import web

PIECE = 32 << 10
STREAM = "text/event-stream"


COMMENT = b": " + b"x" * 1000 + b"\n\n"
"""A comment in a stream of events, which readers ignore."""


class Form(Enum):
    """The form of a reply.

    ANSWER: one long answer. LINE: a single line that does not end. COMMENTS: only comments, which readers ignore.
    """

    ANSWER = auto()
    LINE = auto()
    COMMENTS = auto()


class ModelApi:
    """The server. `answer_bytes` is the length of each reply that it sends, and `form` the form of the replies."""

    def __init__(self) -> None:
        self.url = ""
        self.answer_bytes: int | None = 0
        """None: the server accepts a request and sends no answer."""
        self.form = Form.ANSWER
        self._closing = asyncio.Event()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        response = web.StreamResponse(headers={"Content-Type": STREAM})
        await response.prepare(request)
        if self.answer_bytes is not None:
            await self._write_answer(response, self.answer_bytes)
        await self._closing.wait()
        return response

    async def _write_answer(self, response: web.StreamResponse, size: int) -> None:
        if self.form is Form.LINE:
            await response.write(b"data: " + b"x" * size)
            return
        if self.form is Form.COMMENTS:
            await response.write(COMMENT * (size // len(COMMENT)))
            return
        usage = {"input_tokens": 1, "output_tokens": 1}
        message = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": usage}
        await response.write(_event({"type": "message_start", "message": message}))
        block = {"type": "text", "text": ""}
        await response.write(_event({"type": "content_block_start", "index": 0, "content_block": block}))
        for _ in range(size // PIECE):
            delta = {"type": "text_delta", "text": "x" * PIECE}
            await response.write(_event({"type": "content_block_delta", "index": 0, "delta": delta}))

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["ModelApi"]:
        """Listen on a free port within the scope, and set `url` to the address of the server."""
        application = web.Application()
        application.router.add_post("/v1/messages", self._answer)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield self
        finally:
            self._closing.set()
            await runner.cleanup()


def _event(event: dict[str, Any]) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
