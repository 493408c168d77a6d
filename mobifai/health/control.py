"""The socket over which commands ask the running process: JSON lines, for its owner only.

One line `{"ask": NAME, "with": {...}}`, one line back: `{"answer": ...}` or `{"error": TEXT}`.
"""

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from mobifai.bounds import Bound, Ledger
from mobifai.errors import MobiFaiError, StateError
from mobifai.limits import CONTROL_CLIENTS, CONTROL_REQUEST
from mobifai.state import private_directory

ANSWER_SECONDS = 30.0

Handler = Callable[[dict[str, Any]], Awaitable[object]]


class _Question(msgspec.Struct, frozen=True, rename={"arguments": "with"}):
    ask: str
    arguments: dict[str, Any] = {}


@asynccontextmanager
async def control_server(path: Path, handlers: Mapping[str, Handler], ledger: Ledger) -> AsyncIterator[None]:
    """Answer questions on a Unix socket for the length of this scope; then the socket file is gone."""
    private_directory(path.parent)
    path.unlink(missing_ok=True)  # a killed process left it: we hold the lock
    with ledger.bound(CONTROL_CLIENTS) as bound:
        conversations = _Conversations(handlers, bound)
        server = await asyncio.start_unix_server(conversations.serve, path, limit=CONTROL_REQUEST.value)
        path.chmod(0o600)
        try:
            yield
        finally:
            server.close()
            await conversations.close()
            await server.wait_closed()
            path.unlink(missing_ok=True)


class _Conversations:
    def __init__(self, handlers: Mapping[str, Handler], bound: Bound) -> None:
        self._handlers = handlers
        self._bound = bound
        self._tasks: dict[asyncio.Task[None], None] = {}  # bounded by _bound

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101
        self._tasks[task] = None
        self._bound.set(len(self._tasks))
        try:
            if len(self._tasks) > self._bound.capacity or not _is_owner(writer.get_extra_info("socket")):
                return
            async with asyncio.timeout(ANSWER_SECONDS):
                writer.write(await self._answer(await reader.readline()) + b"\n")
                await writer.drain()
        except (OSError, ValueError, TimeoutError):
            pass  # the command went away, or never said anything
        finally:
            del self._tasks[task]
            self._bound.set(len(self._tasks))
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, line: bytes) -> bytes:
        try:
            question = msgspec.json.decode(line, type=_Question)
            handler = self._handlers.get(question.ask)
            if handler is None:
                raise StateError(f"the running process does not know {question.ask!r}; restart it to update it")
            return msgspec.json.encode({"answer": await handler(question.arguments)})
        except (MobiFaiError, msgspec.MsgspecError) as error:
            return msgspec.json.encode({"error": str(error)})

    async def close(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _is_owner(connection: socket.socket) -> bool:
    """Whether our own user (or root) is at the other end. The 0600 socket in a 0700 directory says so already."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return uid in (0, os.getuid())


async def ask(path: Path, question: str, arguments: Mapping[str, object] | None = None) -> Any:
    """Ask the running process. Raises StateError when none runs, when it refuses, or when it does not answer."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            reader, writer = await asyncio.open_unix_connection(path, limit=1 << 26)
            try:
                writer.write(msgspec.json.encode({"ask": question, "with": dict(arguments or {})}) + b"\n")
                line = await reader.readline()
            finally:
                writer.close()
    except (FileNotFoundError, ConnectionError):
        raise StateError(
            f"no mobifai is running with the state directory {path.parent}; start `mobifai serve`"
        ) from None
    except TimeoutError:
        raise StateError("the running mobifai does not answer; look at its log, or restart it") from None
    except OSError as error:
        raise StateError(f"the running mobifai can't be reached at {path}: {error}") from None
    answer = msgspec.json.decode(line or b'{"error": "the running mobifai closed the connection without an answer"}')
    if "error" in answer:
        raise StateError(answer["error"])
    return answer["answer"]
