"""The shells that the keeper holds: each one's process, the master side of its terminal, and the memory of its ring.

Standard library only.
"""

import json
import os
import time

from mobifai.terminals.spawning import ended_children, ring_descriptor, start_shell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

MOST_SHELLS = 128
"""The most shells that are held: the same as the limit terminal.children, which the agent checks first."""

GRACE_SECONDS = 1.5
"""How long `close` waits for shells to end after the hangup; they save their histories meanwhile."""

HANDED_OVER, CLOSED = "handed over", "closed"
"""Events of a shell, for subscribers."""

_MOST_LABEL = 4096


class ShellRefused(Exception):
    """A shell can't be opened; the text says why."""


class HeldShell:
    """One shell that the keeper holds. `status` is its exit status once it has ended, negative for a signal.

    `label` describes the shell's tab, for an agent that adopts the shell; the keeper reads only the name in it.
    """

    def __init__(self, uuid: str, pid: int, master: int, memory: int, label: "dict[str, Any]") -> None:
        self.uuid = uuid
        self.pid = pid
        self.master = master
        self.memory = memory
        self.label = label
        self.status: int | None = None


class HeldShells:
    """Opens, finds and closes shells. Owns their descriptors."""

    def __init__(self, ring_capacity: int) -> None:
        self._ring_capacity = ring_capacity
        self._shells: dict[str, HeldShell] = {}  # bounded by MOST_SHELLS
        self._subscribers: tuple[Callable[[str, HeldShell], None], ...] = ()

    def __len__(self) -> int:
        return len(self._shells)

    def __iter__(self) -> "Iterator[HeldShell]":
        return iter(tuple(self._shells.values()))

    def find(self, uuid: str) -> HeldShell | None:
        """Return the shell with this id, if there is one."""
        return self._shells.get(uuid)

    def subscribe(self, subscriber: "Callable[[str, HeldShell], None]") -> None:
        """Call `subscriber` with the name and the shell of each later event. It must neither raise nor wait."""
        self._subscribers = (*self._subscribers, subscriber)

    def publish(self, event: str, shell: HeldShell) -> None:
        """Report an event of a shell (HANDED_OVER, CLOSED) to the subscribers."""
        for subscriber in self._subscribers:
            subscriber(event, shell)

    def open(self, request: "dict[str, Any]") -> HeldShell:
        """Start the shell that a `spawn` message asks for. Raises ShellRefused, with nothing left open."""
        uuid = request["uuid"]
        if len(self._shells) >= MOST_SHELLS:
            raise ShellRefused(
                f"{MOST_SHELLS} shells are running, which is the limit of the keeper; close some terminals"
            )
        if uuid in self._shells:
            raise ShellRefused("a terminal with this id is open already")
        memory = -1
        try:
            memory = ring_descriptor(self._ring_capacity)
            pid, master = start_shell(request["argv"], request["env"], request["cwd"], tuple(request["size"]))
        except Exception as error:  # whatever it was, the agent gets an answer
            if memory >= 0:
                os.close(memory)
            raise ShellRefused(str(error)) from None
        shell = self._shells[uuid] = HeldShell(uuid, pid, master, memory, label_in(request))
        return shell

    def end(self, pid: int) -> None:
        """Hang up on the shell whose process is `pid`."""
        for shell in self:
            if shell.pid == pid:
                self._close(shell)

    def ended(self, pid: int, status: int) -> bool:
        """Record the exit status of a process. Returns False if it belongs to no shell that is held."""
        found = [shell for shell in self._shells.values() if shell.pid == pid and shell.status is None]
        for shell in found:
            shell.status = status
        return bool(found)

    def close(self) -> None:
        """Hang up on every shell, and wait a moment for them to end."""
        running = {shell.pid for shell in self if shell.status is None}
        for shell in self:
            self._close(shell)
        until = time.monotonic() + GRACE_SECONDS
        while running and time.monotonic() < until:
            running -= {pid for pid, _ in ended_children()}
            time.sleep(0.01)

    def _close(self, shell: HeldShell) -> None:
        """Close a shell's terminal, so that the kernel hangs up. A shell may ignore that, as in any terminal."""
        del self._shells[shell.uuid]
        os.close(shell.master)
        os.close(shell.memory)
        self.publish(CLOSED, shell)


def label_in(message: "dict[str, Any]") -> "dict[str, Any]":
    """Return the label in a message; an invalid or too long one counts as empty."""
    label = message.get("label")
    return label if isinstance(label, dict) and len(json.dumps(label)) <= _MOST_LABEL else {}
