"""What the keeper and the agent say to each other: JSON lines on a Unix socket pair, some with descriptors.

Standard library only. A line is at most LINE_BYTES; descriptors come with the line that they belong to, which says how
many they are. An answer repeats the question's `id`, so that one which comes too late is not taken for another.
"""

import json
import os
import socket

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself would be a tenth of the keeper's memory
    from typing import Any

LINE_BYTES = 256 << 10
"""One message: the largest is a shell's environment, which systems bound at 128 KiB a variable."""

_MOST_DESCRIPTORS = 8

_MOST_REASON = 2000

FD_VARIABLE = "MOBIFAI_KEEPER_FD"
"""Names the agent's end of the socket pair, in the agent's environment."""

TEST_VARIABLE = "MOBIFAI_SOAK_RUN"
"""Marks every process of a test run, with the run's name. Only a marked keeper can be looked into."""

RESTART_STATUS = 75
"""The agent's exit status for: start me again (EX_TEMPFAIL)."""


def connection() -> int | None:
    """The descriptor of this process' connection to its keeper, if it has one."""
    number = os.environ.get(FD_VARIABLE, "")
    return int(number) if number.isdecimal() else None


def connect_by(descriptor: int) -> int:
    """Have `connection` give this descriptor from now on; the same."""
    os.environ[FD_VARIABLE] = str(descriptor)
    return descriptor


def report_failure(text: str) -> None:
    """Tell the keeper, if there is one, why this process is about to end."""
    descriptor = connection()
    if descriptor is None:
        return
    try:
        with socket.socket(fileno=os.dup(descriptor)) as keeper:
            keeper.settimeout(1)
            send(keeper, {"ask": "failed", "text": text[:_MOST_REASON]})
    except OSError:
        pass  # the exit status says it, too


def send(connection: socket.socket, message: "dict[str, Any]", descriptors: list[int] | None = None) -> None:
    """Send a message. Raises OSError (also BlockingIOError and TimeoutError, as the socket is set)."""
    line = json.dumps({**message, "descriptors": len(descriptors or ())}).encode() + b"\n"
    if descriptors:
        sent = socket.send_fds(connection, [line], descriptors)
        line = line[sent:]
    connection.sendall(line)


class Receiver:
    """Reads messages from a socket. It owns the descriptors that came until they are taken."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._data = b""
        self._descriptors: list[int] = []  # bounded: more than _MOST_DESCRIPTORS are closed

    def receive(self) -> bool:
        """Read what is there once; False at the end of the connection. Raises OSError, as the socket is set."""
        data, descriptors, _, _ = socket.recv_fds(self._connection, 64 << 10, _MOST_DESCRIPTORS)
        self._descriptors += descriptors
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)
        self._data += data
        return bool(data)

    @property
    def is_overfull(self) -> bool:
        """Whether more waits than a message may have; asked once `next` gave all that is complete."""
        return len(self._data) > LINE_BYTES

    def next(self) -> "dict[str, Any] | None":
        """The next complete message, if there is one. Raises ValueError for a line that is none."""
        line, newline, rest = self._data.partition(b"\n")
        if not newline:
            return None
        self._data = rest
        message: dict[str, Any] = json.loads(line)
        if not isinstance(message, dict):  # null, too, which must not look as if nothing more were there
            raise ValueError(f"expected an object; found {line[:40]!r}")  # noqa: TRY004 - the line is wrong, no argument
        return message

    def take_descriptors(self, count: int) -> list[int]:
        """The descriptors that came with the message just read."""
        taken, self._descriptors = self._descriptors[:count], self._descriptors[count:]
        return taken

    def close(self) -> None:
        """Let go of the descriptors that nobody took; the socket is its owner's."""
        for descriptor in self.take_descriptors(len(self._descriptors)):
            os.close(descriptor)
