"""The control socket: commands send requests to the running process as JSON lines. Only its owner may connect.

A request `{"ask": NAME, "with": {...}}` is answered by one line: `{"answer": ...}` or `{"error": TEXT}`. A handler that
is an async generator is answered by a line `{"event": ...}` for each item, then `{"answer": null}`; `{"event": null}`
is a keep-alive. Such a handler ends when its command disconnects.
"""

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
from mobifai.errors import MobiFaiError, StateError
from mobifai.limits import CONTROL_CLIENTS, MAX_REQUEST
from mobifai.state import private_directory

ANSWER_SECONDS = 30.0

CLOSE_SECONDS = 1.0
"""How long a command may take to read the rest of its answer, since this process may be about to stop."""

BEAT_SECONDS = 10.0
"""The interval of keep-alive lines to a command that follows a stream."""

SUSPENDED_SECONDS = 1.0
"""A delay of a timer that shows that the process was suspended, so that an answer may have arrived meanwhile."""

ControlHandler = Callable[[dict[str, Any]], Awaitable[object]]
StreamingHandler = Callable[[dict[str, Any]], AsyncGenerator[object, None]]
AnyHandler = ControlHandler | StreamingHandler

_END = object()


class NotRunning(StateError):
    """No process listens on the control socket."""


class NotResponding(StateError):
    """A process listens on the control socket but does not answer."""


class _Request(msgspec.Struct, frozen=True, rename={"arguments": "with"}):
    ask: str
    arguments: dict[str, Any] = {}  # bounded by MAX_REQUEST


def listen_in(places: Sequence[Path]) -> tuple[socket.socket, Path]:
    """Listen on a Unix socket in the first of these places that is writable. Raises StateError if none is.

    Sockets of earlier processes are removed from all places: the caller holds the state directory's lock.
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

    It is in the first of `places` that is writable. `find_more` looks up requests that `handlers` lacks.
    """
    listening, path = listen_in([places] if isinstance(places, Path) else places)
    with ledger.bound(CONTROL_CLIENTS) as bound:
        conversations = _RequestServer(lambda question: handlers.get(question) or find_more(question), bound)
        server = await asyncio.start_unix_server(conversations.serve, sock=listening, limit=MAX_REQUEST)
        try:
            yield
        finally:
            server.close()
            await conversations.close()
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
        question = msgspec.json.decode(line, type=_Request)
        handler = self._find(question.ask)
        if handler is None:
            raise StateError(f"the running process does not know {question.ask!r}; restart it to update it")
        return handler(question.arguments)

    async def close(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _calmly(answer: Awaitable[object]) -> object:
    """Await an answer. An OSError of the handler becomes a StateError, because the connection is not its cause."""
    try:
        return await answer
    except OSError as error:
        raise StateError(f"the running process can't answer now: {error}") from None
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "psutil":  # without an import of psutil
            raise
        raise StateError(f"the running process can't answer now: {error}") from None


async def _close(writer: asyncio.StreamWriter) -> None:
    """Disconnect a command once it has read everything, or does not read because it may be stopped."""
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
    """Send each event as it is produced. Raises ConnectionError if the command disconnects."""
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


def _check_owner(path: Path) -> None:
    """Raise StateError if another user may own a socket."""
    for place in (path.parent, path):
        with contextlib.suppress(OSError):
            if place.lstat().st_uid not in (0, os.getuid()):
                raise StateError(f"another user owns {place} and might answer there, so no request was sent")


def _is_owner(connection: socket.socket) -> bool:
    """Return whether the peer is our own user or root. The 0600 socket in a 0700 directory ensures it, too."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return uid in (0, os.getuid())


async def send_request(
    path: Path, question: str, arguments: Mapping[str, object] | None = None, patience: float = ANSWER_SECONDS
) -> Any:
    """Send a request and return the answer. Raises StateError if no process runs, or it refuses or is too slow."""
    async with _asked(path, question, arguments) as reader:
        return (await _line(reader, patience))["answer"]


async def stream_events(
    path: Path, question: str, arguments: Mapping[str, object] | None = None
) -> AsyncGenerator[Any, None]:
    """Send a request and yield its events. Closing the generator ends the handler. Raises StateError."""
    async with _asked(path, question, arguments) as reader:
        while "answer" not in (line := await _line(reader, ANSWER_SECONDS)):
            if line.get("event") is not None:
                yield line["event"]


@asynccontextmanager
async def _asked(
    path: Path, question: str, arguments: Mapping[str, object] | None
) -> AsyncIterator[asyncio.StreamReader]:
    line = msgspec.json.encode({"ask": question, "with": dict(arguments or {})}) + b"\n"
    if len(line) > MAX_REQUEST:
        raise StateError(f"expected a request of at most {MAX_REQUEST} bytes; found {len(line)}")
    _check_owner(path)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            reader, writer = await asyncio.open_unix_connection(path, limit=1 << 26)
    except (FileNotFoundError, ConnectionError):
        raise NotRunning(
            f"no mobifai is running with the state directory {path.parent}; start `mobifai serve`"
        ) from None
    except OSError as error:  # TimeoutError is one
        raise StateError(f"the running mobifai can't be reached at {path}: {error}") from None
    try:
        writer.write(line)
        yield reader
    finally:
        writer.close()


async def _read_in_time(reader: asyncio.StreamReader, patience: float) -> bytes:
    """Read a line; a timeout that a suspended machine caused is repeated. Raises TimeoutError, OSError, ValueError."""
    clock = asyncio.get_running_loop().time
    while True:
        until = clock() + patience
        try:
            async with asyncio.timeout_at(until):
                return await reader.readline()
        except TimeoutError:
            if clock() < until + SUSPENDED_SECONDS:
                raise


async def _line(reader: asyncio.StreamReader, patience: float) -> dict[str, Any]:
    """Read the next line of an answer. Raises StateError."""
    try:
        line = await _read_in_time(reader, patience)
    except TimeoutError:
        raise NotResponding("the running mobifai does not answer; see its log, or restart it") from None
    except (OSError, ValueError) as error:
        raise StateError(f"the connection to the running mobifai broke: {error}") from None
    answer: dict[str, Any] = msgspec.json.decode(
        line or b'{"error": "the running mobifai closed the connection without an answer"}'
    )
    if "error" in answer:
        raise StateError(answer["error"])
    return answer
