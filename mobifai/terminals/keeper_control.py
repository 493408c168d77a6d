"""The socket on which the keeper answers `mobifai` commands while the agent does not.

It uses the protocol of the agent's control socket: one line `{"ask": NAME, "with": {...}}` is answered by one line
`{"answer": ...}` or `{"error": TEXT}`. Standard library only. Commands never block the keeper, except in a test run.
"""

import contextlib
import json
import os
import selectors
import socket
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

MOST_COMMANDS = 8
"""The most commands that are connected at a time; one more disconnects the oldest."""

_MOST_BYTES = 64 << 10


class Control:
    """The keeper's side of its control socket. Owns the listening socket, its file, and the commands' connections.

    `answer` takes a question's name and arguments, and returns the reply: `{"answer": ...}` or `{"error": TEXT}`.
    `patience` is how many seconds the keeper waits for a command to read its reply: 0 except in a test run.
    """

    def __init__(
        self,
        listening: socket.socket,
        path: str,
        selector: selectors.BaseSelector,
        answer: "Callable[[str, dict[str, Any]], dict[str, Any]]",
    ) -> None:
        self.patience = 0.0
        self._listening = listening
        self._path = path
        self._selector = selector
        self._answer = answer
        self._commands: dict[socket.socket, bytes] = {}  # bounded by MOST_COMMANDS
        listening.setblocking(False)
        selector.register(listening, selectors.EVENT_READ, self._accept)

    def close(self) -> None:
        """Disconnect every command, and remove the socket's file."""
        for command in list(self._commands):
            self._drop(command)
        self._selector.unregister(self._listening)
        self._listening.close()
        with contextlib.suppress(OSError):
            os.unlink(self._path)  # noqa: PTH108 - pathlib needs more memory than this module

    def _accept(self) -> None:
        try:
            command, _ = self._listening.accept()
        except OSError:
            return
        if not _is_owner(command):
            command.close()
            return
        if len(self._commands) >= MOST_COMMANDS:
            self._drop(next(iter(self._commands)))
        command.setblocking(False)
        self._commands[command] = b""
        self._selector.register(command, selectors.EVENT_READ, lambda: self._read(command))

    def _drop(self, command: socket.socket) -> None:
        del self._commands[command]
        self._selector.unregister(command)
        command.close()

    def _read(self, command: socket.socket) -> None:
        if command not in self._commands:  # disconnected after the selector reported it
            return
        try:
            data = command.recv(_MOST_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        line, newline, _ = (self._commands[command] + data).partition(b"\n")
        if data and not newline and len(line) < _MOST_BYTES:
            self._commands[command] = line
            return
        if newline:
            with contextlib.suppress(OSError):  # the command is gone, or does not read
                command.settimeout(self.patience)
                command.sendall(json.dumps(self._reply(line)).encode() + b"\n")
        self._drop(command)

    def _reply(self, line: bytes) -> "dict[str, Any]":
        try:
            message = json.loads(line)
            question, arguments = message["ask"], message.get("with") or {}
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return {"error": 'expected a question as {"ask": NAME}'}
        return self._answer(question, arguments)


def _is_owner(command: socket.socket) -> bool:
    """Return whether the peer is our own user or root.

    Where the system can't tell, return True: the file mode of the socket admits only these users.
    """
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    try:
        _, uid, _ = struct.unpack("3i", command.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    except OSError:
        return False
    return uid in (0, os.getuid())
