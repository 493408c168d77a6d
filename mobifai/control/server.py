"""The server of the control socket. It answers requests of commands that the same user or root runs."""

import asyncio
import contextlib
import os
import socket
import sqlite3
import struct
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from mobifai.bounds import Bound, Ledger
from mobifai.control.request import ANSWER_SECONDS, Request
from mobifai.errors import MobiFaiError, StateError
from mobifai.limits import CONTROL_CLIENTS, MAX_REQUEST
from mobifai.state import private_directory

CLOSE_SECONDS = 1.0
"""How many seconds a command has to read the rest of its answer. A longer time would delay a stopping process."""

BEAT_SECONDS = 10.0
"""The interval in seconds of the keep-alive lines that are sent to a command while it waits for the next event."""

ControlHandler = Callable[[dict[str, Any]], Awaitable[object]]
StreamingHandler = Callable[[dict[str, Any]], AsyncGenerator[object, None]]
AnyHandler = ControlHandler | StreamingHandler

_END = object()


def listen_in(places: Sequence[Path]) -> tuple[socket.socket, Path]:
    """Listen on a Unix socket at the first of these paths that is writable. Return the socket and its path.

    Sockets of earlier processes are removed from all paths. No process uses them, since the caller holds the lock of
    the state directory. Raises StateError if no path is writable.
    """
    refused: list[str] = []  # bounded by places
    for place in places:
        with contextlib.suppress(OSError):
            place.unlink(missing_ok=True)
    for place in places:
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            private_directory(place.parent)
            listening.bind(os.fspath(place))
            place.chmod(0o600)
            listening.listen(128)
        except (OSError, StateError) as error:
            listening.close()
            refused.append(f"{place}: {error}")
        else:
            return listening, place
    raise StateError(f"expected a writable place for the control socket; found none ({'; '.join(refused)})")


@asynccontextmanager
async def control_server(
    places: Path | Sequence[Path],
    handlers: Mapping[str, AnyHandler],
    ledger: Ledger,
    find_more: Callable[[str], AnyHandler | None] = lambda _: None,
) -> AsyncIterator[None]:
    """Answer requests on a Unix socket within this scope, then remove the socket file.

    The socket is at the first of `places` that is writable. `handlers` maps names of requests to handlers. `find_more`
    is called with a name that `handlers` lacks, and returns a handler or None. Raises StateError if no place is
    writable.
    """
    listening, path = listen_in([places] if isinstance(places, Path) else places)
    with ledger.bound(CONTROL_CLIENTS) as bound:
        requests = _RequestServer(lambda name: handlers.get(name) or find_more(name), bound)
        server = await asyncio.start_unix_server(requests.serve, sock=listening, limit=MAX_REQUEST)
        try:
            yield
        finally:
            server.close()
            await requests.close()
            await server.wait_closed()
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


class _RequestServer:
    def __init__(self, find: Callable[[str], AnyHandler | None], bound: Bound) -> None:
        self._find = find
        self._bound = bound
        self._tasks: dict[asyncio.Task[None], None] = {}  # bounded by _bound

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101
        if not self._bound.room:
            self._bound.refuse("one more command")
            writer.close()
            return
        self._tasks[task] = None
        self._bound.set(len(self._tasks))
        try:
            if _is_owner(writer.get_extra_info("socket")):
                await self._converse(reader, writer)
        except (OSError, ValueError, TimeoutError):
            pass  # the command disconnected, or never sent anything
        finally:
            del self._tasks[task]
            self._bound.set(len(self._tasks))
            await _close(writer)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        last: dict[str, object]
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = self._handled(await reader.readline())
                last = {"answer": None if isinstance(answer, AsyncGenerator) else await _calmly(answer)}
            if isinstance(answer, AsyncGenerator):
                await _send_events(answer, reader, writer)
        except (MobiFaiError, msgspec.MsgspecError, sqlite3.Error, RecursionError) as error:
            last = {"error": str(error)}
        await _send(writer, last)

    def _handled(self, line: bytes) -> Awaitable[object] | AsyncGenerator[object, None]:
        request = msgspec.json.decode(line, type=Request)
        handler = self._find(request.ask)
        if handler is None:
            raise StateError(f"the running mobifai does not know the request {request.ask!r}; restart it to update it")
        return handler(request.arguments)

    async def close(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _calmly(answer: Awaitable[object]) -> object:
    """Await a handler's answer. Raise StateError in place of an OSError of the handler.

    An OSError would look like a failure of the connection to the command.
    """
    try:
        return await answer
    except OSError as error:
        raise StateError(f"the running mobifai can't answer now: {error}") from None
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "psutil":  # without an import of psutil
            raise
        raise StateError(f"the running mobifai can't answer now: {error}") from None


async def _close(writer: asyncio.StreamWriter) -> None:
    """Close the connection once the command has read everything, or after CLOSE_SECONDS.

    The time limit is for a suspended command, which never reads.
    """
    writer.close()
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await writer.wait_closed()
    except OSError:  # TimeoutError is one
        writer.transport.abort()


async def _send(writer: asyncio.StreamWriter, line: dict[str, object]) -> None:
    if writer.is_closing():  # uvloop raises a RuntimeError for it
        raise ConnectionResetError("the command is gone")
    writer.write(msgspec.json.encode(line) + b"\n")
    async with asyncio.timeout(ANSWER_SECONDS):
        await writer.drain()


async def _send_events(
    events: AsyncGenerator[object, None], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Send a handler's events to the command as they occur. Raises ConnectionError if the command disconnects."""
    gone = asyncio.ensure_future(reader.read(1))
    event: asyncio.Future[object] = asyncio.ensure_future(anext(events, _END))
    try:
        while (given := await _next_event(event, gone, writer)) is not _END:
            await _send(writer, {"event": given})
            event = asyncio.ensure_future(anext(events, _END))
    finally:
        for waiting in (gone, event):
            waiting.cancel()
        await asyncio.gather(gone, event, return_exceptions=True)
        await events.aclose()


async def _next_event(
    event: "asyncio.Future[object]", gone: "asyncio.Future[bytes]", writer: asyncio.StreamWriter
) -> object:
    while not event.done():
        waiting: set[asyncio.Future[Any]] = {event, gone}
        await asyncio.wait(waiting, timeout=BEAT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if gone.done():
            raise ConnectionAbortedError("the command went away")
        if not event.done():
            await _send(writer, {"event": None})
    return event.result()


def _is_owner(connection: socket.socket) -> bool:
    """Return whether the process at the other end of a connection runs as this process' user or as root.

    The modes of the socket (0600) and of its directory (0700) should already exclude all others. On systems without
    SO_PEERCRED, return True.
    """
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return uid in (0, os.getuid())
