"""The agent as its keeper sees it: a child process, and a connection to it.

Standard library only.
"""

import os
import signal
import socket

from mobifai.terminals import keeper_protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any


class AgentProcess:
    """The agent's process and the keeper's end of the connection to it."""

    def __init__(self, pid: int, connection: socket.socket) -> None:
        connection.setblocking(False)
        connection.set_inheritable(False)
        self.pid = pid
        self._connection = connection
        self._receiver = keeper_protocol.Receiver(connection)
        self._is_connected = True
        self._has_ended = False

    @property
    def is_connected(self) -> bool:
        """Return whether the connection is open on this side."""
        return self._is_connected

    def fileno(self) -> int:
        """The connection's descriptor, for a selector."""
        return self._connection.fileno()

    def receive(self) -> bool:
        """Read once from the connection. Return False if the agent has closed it.

        Raises BlockingIOError if no data has arrived.
        """
        try:
            return self._receiver.receive()
        except BlockingIOError:
            raise
        except OSError:
            return False

    def messages(self) -> "Iterator[dict[str, Any]]":
        """Yield the messages that have arrived whole. Raises ValueError for one that is not valid or too long."""
        while self._is_connected and (message := self._receiver.next()) is not None:
            yield message
        if self._receiver.is_overfull:
            raise ValueError(f"received a line of more than {keeper_protocol.LINE_BYTES} bytes")

    def send(self, message: "dict[str, Any]", descriptors: list[int] | None = None) -> None:
        """Send the agent a message. An agent that leaves hundreds of messages unread counts as hung, and is killed."""
        if not self._is_connected:
            return
        try:
            keeper_protocol.send(self._connection, message, descriptors)
        except OSError:
            self.kill()

    def disconnect(self) -> None:
        """Close the connection. Idempotent."""
        self._is_connected = False
        self._connection.close()
        self._receiver.close()

    def terminate(self) -> None:
        """Ask the agent's process to end (SIGTERM)."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the agent's process immediately (SIGKILL)."""
        self._signal(signal.SIGKILL)

    def reaped(self) -> None:
        """Record that the exit status was taken: from now on the pid may belong to another process."""
        self._has_ended = True

    def _signal(self, number: int) -> None:
        if not self._has_ended:
            os.kill(self.pid, number)


def start_agent(command: "Sequence[str]") -> AgentProcess:
    """Start an agent, and return it with the keeper's end of a new connection to it. Raises OSError.

    The agent inherits the other end, and finds its descriptor in the environment.
    """
    ours, agents = socket.socketpair()
    try:
        return AgentProcess(_execute(command, agents), ours)
    except Exception:
        ours.close()
        raise
    finally:
        agents.close()


def _execute(command: "Sequence[str]", connection: socket.socket) -> int:
    import subprocess  # noqa: PLC0415 - only a restart needs it

    environment = {**os.environ, keeper_protocol.FD_VARIABLE: str(connection.fileno())}
    started = subprocess.Popen(command, env=environment, pass_fds=[connection.fileno()])  # noqa: S603
    started.returncode = 0  # the keeper takes the exit status itself
    return started.pid
