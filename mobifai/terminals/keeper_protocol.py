"""The protocol between keeper and agent: JSON lines on a Unix socket pair, some of them with descriptors.

Standard library only. A line has at most LINE_BYTES. Descriptors travel with the line that they belong to, which says
how many there are. An answer repeats the `id` of its question, so that a late answer is not mistaken for another.
"""

import json
import os
import socket

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing would take a tenth of the keeper's memory
    from typing import Any

LINE_BYTES = 256 << 10
"""The maximum length of a line, in bytes. The longest messages contain a shell's environment."""

_MOST_DESCRIPTORS = 8

_MOST_REASON = 2000

FD_VARIABLE = "MOBIFAI_KEEPER_FD"
"""The environment variable with the descriptor of the agent's end of the socket pair."""

TEST_VARIABLE = "MOBIFAI_SOAK_RUN"
"""The environment variable that marks the processes of a test run. Only a marked keeper can be inspected."""

RESTART_STATUS = 75
"""The exit status by which the agent asks for a restart (EX_TEMPFAIL)."""


def connection() -> int | None:
    """Return the descriptor of this process' connection to its keeper, or None if it has no keeper."""
    number = os.environ.get(FD_VARIABLE, "")
    return int(number) if number.isdecimal() else None


def connect_by(descriptor: int) -> int:
    """Make `connection` return `descriptor` from now on. Return `descriptor`."""
    os.environ[FD_VARIABLE] = str(descriptor)
    return descriptor


def report_failure(text: str) -> None:
    """Send the keeper, if there is one, the reason why this process is about to end."""
    descriptor = connection()
    if descriptor is None:
        return
    try:
        with socket.socket(fileno=os.dup(descriptor)) as keeper:
            keeper.settimeout(1)
            send(keeper, {"ask": "failed", "text": text[:_MOST_REASON]})
    except OSError:
        pass  # the exit status is reported anyway


def send(connection: socket.socket, message: "dict[str, Any]", descriptors: list[int] | None = None) -> None:
    """Send a message, with any descriptors that belong to it.

    Raises OSError. This includes BlockingIOError or TimeoutError, depending on the socket's timeout.
    """
    line = json.dumps({**message, "descriptors": len(descriptors or ())}).encode() + b"\n"
    if descriptors:
        sent = socket.send_fds(connection, [line], descriptors)
        line = line[sent:]
    connection.sendall(line)


class Receiver:
    """Reads messages from a socket. Owns the descriptors that arrive until they are taken."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._data = b""
        self._descriptors: list[int] = []  # bounded: more than _MOST_DESCRIPTORS are closed

    def receive(self) -> bool:
        """Read once from the socket. Return False at the end of the connection. Raises OSError, like `send`."""
        data, descriptors, _, _ = socket.recv_fds(self._connection, 64 << 10, _MOST_DESCRIPTORS)
        self._descriptors += descriptors
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)
        self._data += data
        return bool(data)

    @property
    def is_overfull(self) -> bool:
        """Return whether the part of a line that has arrived is too long. Call this once `next` has returned None."""
        return len(self._data) > LINE_BYTES

    def next(self) -> "dict[str, Any] | None":
        """Return the next complete message, or None. Raises ValueError for a line that is not a JSON object."""
        line, newline, rest = self._data.partition(b"\n")
        if not newline:
            return None
        self._data = rest
        message: dict[str, Any] = json.loads(line)
        if not isinstance(message, dict):  # including null, which would look like the end of the messages
            raise ValueError(f"expected a JSON object; found {line[:40]!r}")  # noqa: TRY004 - the line is wrong, no argument
        return message

    def take_descriptors(self, count: int) -> list[int]:
        """Return the `count` descriptors that came with the message just read. The caller owns them then."""
        taken, self._descriptors = self._descriptors[:count], self._descriptors[count:]
        return taken

    def close(self) -> None:
        """Close the descriptors that nobody took. The socket belongs to its owner."""
        for descriptor in self.take_descriptors(len(self._descriptors)):
            os.close(descriptor)
