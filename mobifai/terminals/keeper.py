"""The keeper: a small process that holds the shells, so that no crash of the agent ends them.

It starts shells, holds the master side of their terminals and the memory of their rings, passes both to the agent,
reaps processes that end, and restarts the agent whenever it ends. The shells end only when the keeper gets a signal to
stop: no number of failed agents stops the restarts. Between two agents a program blocks once the kernel's buffer of its
terminal is full, so no output is lost.

The keeper never reads output and never uses the network. It imports only the standard library and ptyprocess, and of
those as little as it can, because its memory is in use for as long as MobiFai runs: dataclasses, typing and subprocess
alone would add a third.

On Linux the first agent is already running when the keeper begins: it is a fork of the command that became the keeper.
"""

import contextlib
import json
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Sequence

from mobifai.terminals.keeper_control import Control
from mobifai.terminals.keeper_protocol import TEST_VARIABLE
from mobifai.terminals.keeper_report import Reports
from mobifai.terminals.keeper_shells import HANDED_OVER, HeldShell, HeldShells, ShellRefused, label_in
from mobifai.terminals.keeper_supervisor import AgentSupervisor
from mobifai.terminals.spawning import ended_children

TYPE_CHECKING = False  # as in typing, which is not imported here
if TYPE_CHECKING:
    from typing import Any

    from mobifai.terminals.keeper_plugins import KeeperPlugins

STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""Signals that stop the keeper. The command that becomes the keeper blocks them until the keeper handles them."""

STOPPED_SECONDS = 5.0
"""If the keeper wakes this much later than planned, it was suspended, and probably the agent too."""


class Keeper:
    """One keeper. `agent` is the command that starts the agent; `run` returns the exit status.

    `first` is the first agent if it is already running: its pid, and the descriptor of the connection to it. `control`
    is the listening socket for commands, and its file.
    """

    def __init__(
        self,
        agent: Sequence[str],
        ring_capacity: int,
        first: tuple[int, int] | None = None,
        control: tuple[socket.socket, str] | None = None,
        reports: Reports | None = None,
    ) -> None:
        self.shells = HeldShells(ring_capacity)
        self.selector = selectors.DefaultSelector()
        self._first = first
        self._reports = reports if reports is not None else Reports("", as_json=False)
        self._supervisor = AgentSupervisor(agent, self.selector, self._reports, self.handle)
        self._control = Control(*control, self.selector, self._reply) if control is not None else None
        self._plugins: KeeperPlugins | None = None

    # -- the loop

    def run(self) -> int:
        """Hold the shells until a signal to stop. The keeper also ends if its very first agent refuses to start."""
        self._watch_signals()
        if self._first is not None:
            self._supervisor.adopt(*self._first)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
        try:
            while not self._supervisor.is_over:
                self._run_once()
        finally:
            self.close()
        return self._supervisor.exit_status

    def _run_once(self) -> None:
        try:
            self._wait()
            self.reap()
            self._supervisor.act(time.monotonic())
        except Exception as error:  # no error may end the shells
            self._reports.problem(
                f"internal error of the keeper: {error!r}", "every terminal is kept", 0, time.monotonic()
            )
            time.sleep(1)

    def _watch_signals(self) -> None:
        ours, kernels = socket.socketpair()
        ours.setblocking(False)
        kernels.setblocking(False)
        signal.set_wakeup_fd(kernels.detach(), warn_on_full_buffer=False)
        for number in STOPPING:
            # A signal that the parent ignores stays ignored: SIGHUP under nohup, SIGINT for a script's background job.
            if number == signal.SIGTERM or signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, lambda *_: self._supervisor.stop())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.selector.register(ours, selectors.EVENT_READ, lambda: _drain(ours))

    def _wait(self) -> None:
        timeout, began = self._supervisor.due_in(), time.monotonic()
        events = self.selector.select(timeout)
        now = time.monotonic()
        if now > began + timeout + STOPPED_SECONDS:
            self._supervisor.resumed(now)
        for key, _ in events:
            key.data()

    def reap(self) -> None:
        """Take the exit status of every child that has ended, including orphans and shells that were closed."""
        for pid, status in ended_children():
            self._supervisor.ended(pid, status, has_shells=len(self.shells) > 0)
            if self.shells.ended(pid, status):
                self._supervisor.send({"ended": pid, "status": status})

    def close(self) -> None:
        """Hang up on every shell, and close the connections to the agent and to commands."""
        self._supervisor.disconnect()
        if self._control is not None:
            self._control.close()
        self.shells.close()

    # -- messages of the agent

    def handle(self, message: "dict[str, Any]") -> None:
        """Handle a message of the agent. An invalid message raises a built-in exception, such as KeyError."""
        match message.get("ask"):
            case "hello":
                held = [shell.uuid for shell in self.shells]
                self._answer(message, {"shells": held, **self._supervisor.greeting()})
            case "ready":
                self._supervisor.serves()
            case "failed":
                self._supervisor.explain(str(message["text"]))
            case "note":
                self._supervisor.note_port(int(message["port"]))
            case "label":
                if (shell := self.shells.find(message["uuid"])) is not None:
                    shell.label = label_in(message)
            case "spawn":
                self._spawn(message)
            case "take":
                self._hand_over(message, self.shells.find(message["uuid"]), spawned=False)
            case "end":
                self.shells.end(message["pid"])

    def _spawn(self, message: "dict[str, Any]") -> None:
        try:
            shell = self.shells.open(message)
        except ShellRefused as error:
            self._answer(message, {"error": str(error)})
        else:
            self._hand_over(message, shell, spawned=True)

    def _hand_over(self, message: "dict[str, Any]", shell: HeldShell | None, *, spawned: bool) -> None:
        """Send the agent a shell's state and descriptors, in answer to `message`; an error if `shell` is None.

        `spawned`: the shell was started for this message, and not held before.
        """
        if shell is None:
            self._answer(message, {"error": "no such shell"})
            return
        state = {"pid": shell.pid, "running": shell.status is None, "status": shell.status}
        self._answer(message, {**state, "spawned": spawned, "label": shell.label}, [shell.master, shell.memory])
        self.shells.publish(HANDED_OVER, shell)

    def _answer(
        self, message: "dict[str, Any]", answer: "dict[str, Any]", descriptors: list[int] | None = None
    ) -> None:
        self._supervisor.send({**answer, "id": message.get("id")}, descriptors)

    # -- commands

    def _reply(self, question: object, arguments: "dict[str, Any]") -> "dict[str, Any]":
        """Return the reply to a command that could not reach the agent, or to a test run's request (`PLUGIN.NAME`)."""
        if TEST_VARIABLE in os.environ and isinstance(question, str) and "." in question:
            return self._ask_plugins(question, arguments)
        if question == "restart":
            self._supervisor.restart()
            return {"answer": {}}
        status = self._status()
        if question == "status":
            return {"answer": status}
        return {"error": f"the agent does not run ({status['problem'] or status['agent']}); every terminal is kept"}

    def _status(self) -> "dict[str, Any]":
        terminals = [
            {"uuid": shell.uuid, "name": str(shell.label.get("name", "")), "pid": shell.pid} for shell in self.shells
        ]
        return {"keeper_pid": os.getpid(), **self._supervisor.status(), "terminals": terminals}

    def _ask_plugins(self, question: str, arguments: "dict[str, Any]") -> "dict[str, Any]":
        from mobifai.terminals import keeper_plugins  # noqa: PLC0415 - for a test run only

        if self._plugins is None:
            self._plugins = keeper_plugins.KeeperPlugins(self)
        if self._control is not None:
            self._control.patience = keeper_plugins.PATIENCE_SECONDS
        return self._plugins.answer(question, arguments)


def _drain(wakeup: socket.socket) -> None:
    with contextlib.suppress(BlockingIOError):
        wakeup.recv(4096)


def main() -> None:
    """Run `python keeper.py SETUP COMMAND...`, where SETUP is the JSON object that `cli.keeper_start` makes.

    In SETUP, `agent` is the pid of an agent that is already running (0: none), and `connection` the descriptor of the
    connection to it. `control` is the descriptor of the listening socket for commands (-1: none), and `control_path`
    that socket's file.
    """
    setup = json.loads(sys.argv[1])
    first = (setup["agent"], setup["connection"]) if setup["agent"] else None
    if first is None:
        os.close(setup["connection"])
    control = None
    if setup["control"] >= 0:
        listening = socket.socket(fileno=setup["control"])
        listening.set_inheritable(False)
        control = (listening, setup["control_path"])
    reports = Reports(setup["log"], as_json=setup["log_as_json"])
    sys.exit(Keeper(sys.argv[2:], setup["ring_capacity"], first, control, reports).run())


if __name__ == "__main__":
    main()
