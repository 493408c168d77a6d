"""The client of the control socket. It sends requests to the running process."""

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from mobifai.control.request import ANSWER_SECONDS, Request
from mobifai.errors import StateError
from mobifai.limits import MAX_REQUEST

SUSPENDED_SECONDS = 1.0
"""If a timeout comes this many seconds late, the machine was suspended, and an answer may have arrived meanwhile."""


class NotRunning(StateError):
    """Raised if no process listens on the control socket."""


class NotResponding(StateError):
    """Raised if a process listens on the control socket but does not answer in time."""


async def send_request(
    path: Path, name: str, arguments: Mapping[str, object] | None = None, patience: float = ANSWER_SECONDS
) -> Any:
    """Send a request on the control socket `path` and return the answer.

    `patience` is the time limit of the answer in seconds. Raises StateError if no process listens (NotRunning), if it
    does not answer in time (NotResponding), or if it refuses the request.
    """
    async with _request(path, name, arguments) as reader:
        return (await _read_answer(reader, patience))["answer"]


async def stream_events(
    path: Path, name: str, arguments: Mapping[str, object] | None = None
) -> AsyncGenerator[Any, None]:
    """Send a request on the control socket `path` and yield the events that answer it. Raises StateError.

    Closing the generator also ends the request's handler in the other process.
    """
    async with _request(path, name, arguments) as reader:
        while "answer" not in (line := await _read_answer(reader, ANSWER_SECONDS)):
            if line.get("event") is not None:
                yield line["event"]


@asynccontextmanager
async def _request(
    path: Path, name: str, arguments: Mapping[str, object] | None
) -> AsyncIterator[asyncio.StreamReader]:
    line = msgspec.json.encode(Request(name, dict(arguments or {}))) + b"\n"
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
    """Read a line within `patience` seconds. If the time ran out because the machine was suspended, wait again.

    Raises TimeoutError, OSError, ValueError.
    """
    clock = asyncio.get_running_loop().time
    while True:
        until = clock() + patience
        try:
            async with asyncio.timeout_at(until):
                return await reader.readline()
        except TimeoutError:
            if clock() < until + SUSPENDED_SECONDS:
                raise


async def _read_answer(reader: asyncio.StreamReader, patience: float) -> dict[str, Any]:
    """Read the next line of an answer. Raises StateError if no line arrives in time, or the line reports an error."""
    try:
        line = await _read_in_time(reader, patience)
    except TimeoutError:
        raise NotResponding("the running mobifai does not answer; see its log, or restart it") from None
    except (OSError, ValueError) as error:
        raise StateError(f"the connection to the running mobifai broke: {error}") from None
    if not line.endswith(b"\n"):
        raise StateError("the running mobifai closed the connection before its answer was complete; try again")
    answer: dict[str, Any] = msgspec.json.decode(line)
    if "error" in answer:
        raise StateError(answer["error"])
    return answer


def _check_owner(path: Path) -> None:
    """Raise StateError if another user owns the socket or its directory, since that user's process could answer."""
    for place in (path.parent, path):
        with contextlib.suppress(OSError):
            if place.lstat().st_uid not in (0, os.getuid()):
                raise StateError(f"another user owns {place} and might answer there, so no request was sent")
