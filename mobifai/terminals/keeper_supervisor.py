"""The supervisor of the agent: starts it, reads its messages, notices when it hangs, and restarts it when it ends.

Standard library only.
"""

import os
import selectors
import socket
import time

from mobifai.terminals.keeper_agent import AgentProcess, start_agent
from mobifai.terminals.keeper_report import Reports
from mobifai.terminals.keeper_restarts import RestartState
from mobifai.terminals.spawning import kill_first_without_memory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

START_SECONDS = 10.0
"""How long an agent may take to start; after that, `mobifai restart` replaces it."""

STOP_SECONDS = 3.0
"""How long the agent may take to end after SIGTERM."""

SILENT_SECONDS = 60.0
"""An agent that sends nothing for this long counts as hung. A healthy one sends something every 10 s."""

_LAST_READS = 8
"""The most reads after the agent's end. Fewer are enough for everything that it sent before."""

_INVALID = (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError)
"""Errors that an invalid message causes."""


class AgentSupervisor:
    """Runs one agent at a time until `stop`. `exit_status` is that of the keeper, known once no agent follows.

    `handle` is called with each message of the agent. The first agent starts immediately, unless one is adopted before.
    """

    def __init__(
        self,
        command: "Sequence[str]",
        selector: selectors.BaseSelector,
        reports: Reports,
        handle: "Callable[[dict[str, Any]], None]",
    ) -> None:
        self.exit_status = 0
        self._command = tuple(command)
        self._selector = selector
        self._reports = reports
        self._handle = handle
        self._agent: AgentProcess | None = None
        self._state = RestartState()
        self._stopping_since: float | None = None

    def adopt(self, pid: int, descriptor: int) -> None:
        """Supervise an agent that is already running. `descriptor` is the connection to it."""
        self._attach(AgentProcess(pid, socket.socket(fileno=descriptor)), time.monotonic())

    def stop(self) -> None:
        """Ask the agent to end, and start no other."""
        if self._stopping_since is None:
            self._stopping_since = time.monotonic()
            self._state.start_at = None
            if self._agent is not None:
                self._agent.terminate()

    def disconnect(self) -> None:
        """Close the connection to the agent."""
        if self._agent is not None and self._agent.is_connected:
            self._selector.unregister(self._agent)
            self._agent.disconnect()

    @property
    def is_over(self) -> bool:
        """Return whether no agent runs and none is to start."""
        return self._agent is None and self._state.start_at is None

    # -- time

    def due_in(self) -> float:
        """Return the seconds until `act` has something to do."""
        now = time.monotonic()
        due = []
        if self._state.start_at is not None and self._agent is None:
            due.append(self._state.start_at)
        if self._agent is not None:
            due.append(self._state.last_message_at + SILENT_SECONDS)
        if self._stopping_since is not None:
            due.append(self._stopping_since + STOP_SECONDS)
        return max(0.0, min(due, default=now + SILENT_SECONDS) - now)

    def act(self, now: float) -> None:
        """Start an agent that is due, or kill one that hangs or takes too long to stop."""
        if self._agent is None:
            if self._state.start_at is not None and self._state.start_at <= now:
                self._start(now)
        elif self._stopping_since is not None and now > self._stopping_since + STOP_SECONDS:
            self._agent.kill()
        elif now > self._state.last_message_at + SILENT_SECONDS:
            self._state.explain(f"it hung: it sent nothing for {SILENT_SECONDS:.0f} s")
            self._agent.kill()
            self._state.last_message_at = now

    def resumed(self, now: float) -> None:
        """Restart the agent's time limits after this process was suspended: the agent probably was suspended, too."""
        self._state.last_message_at = now

    # -- the process

    def _start(self, now: float) -> None:
        try:
            agent = start_agent(self._command)
        except Exception as error:  # for example, no process, no descriptor or no Python is left
            self._state.start_failed(error, now)
            self._report()
        else:
            self._attach(agent, now)

    def _attach(self, agent: AgentProcess, now: float) -> None:
        self._agent = agent
        kill_first_without_memory(agent.pid)  # from its start: it allocates most of its memory while it starts
        self._selector.register(agent, selectors.EVENT_READ, self._read)
        self._state.started(now)

    def ended(self, pid: int, status: int, *, has_shells: bool) -> None:
        """Plan the next start if the process `pid`, which has ended, is the agent.

        `status` is its exit status, negative for a signal. `has_shells` says whether the keeper holds shells.
        """
        if self._agent is None or pid != self._agent.pid:
            return
        self._agent.reaped()
        for _ in range(_LAST_READS):  # it may have sent why it ends
            self._read()
        self.disconnect()
        self._agent = None
        if self._stopping_since is not None:
            return
        final = self._state.ended(status, time.monotonic(), has_shells=has_shells)
        if final is not None:
            self.exit_status = final
        elif self._state.problem:
            self._report()

    def _report(self) -> None:
        state, now = self._state, time.monotonic()
        delay = max(0.0, (state.start_at or now) - now)
        outlook = (
            f"every terminal is kept, and the agent is restarted in {delay:.1f} s (`mobifai restart` tries now, "
            "`mobifai doctor` looks for the cause)"
        )
        self._reports.problem(f"the agent does not run: {state.problem}", outlook, state.failures, now)

    # -- messages

    def send(self, message: "dict[str, Any]", descriptors: list[int] | None = None) -> None:
        """Send a message to the agent, if one is connected."""
        if self._agent is not None:
            self._agent.send(message, descriptors)

    def _read(self) -> None:
        agent = self._agent
        if agent is None or not agent.is_connected:
            return
        try:
            is_open = agent.receive()
        except BlockingIOError:
            return
        self._state.last_message_at = time.monotonic()
        try:
            for message in agent.messages():
                self._handle(message)
        except _INVALID as error:
            self._state.explain(f"it sent a message that the keeper does not understand ({error!r})")
            agent.kill()
            is_open = False
        if not is_open:
            self.disconnect()

    def greeting(self) -> "dict[str, Any]":
        """Return the keeper's fields of the answer to a new agent's first message.

        `pid` is the keeper's pid, `notes` is what earlier agents noted for the next one, and `life` is the number of
        agents so far.
        """
        return {"notes": self._state.notes, "pid": os.getpid(), "life": self._state.agents}

    def note_port(self, port: int) -> None:
        """Record the port of the relay that runs in the agent's process, for the next agent."""
        self._state.notes["port"] = port

    def explain(self, reason: str) -> None:
        """Record the reason that the agent gives for its end."""
        self._state.explain(reason)

    def serves(self) -> None:
        """Record that the agent serves."""
        if self._state.problem:
            self._reports.write("the agent serves again")
        self._state.serves()

    # -- commands

    def restart(self) -> None:
        """Handle `mobifai restart`, which no agent has answered: start an agent now.

        A running agent is killed and replaced, since it did not answer, unless it may still be starting.
        """
        now = time.monotonic()
        if self._stopping_since is not None:
            return
        if self._agent is None:
            self._state.start_at = now
        elif self._state.is_serving or now > self._state.started_at + START_SECONDS:
            self._state.explain("it did not answer a command")
            self._state.replaced()
            self._agent.kill()

    def status(self) -> "dict[str, Any]":
        """Return the fields about the agent in the keeper's status."""
        due = self._state.start_at
        running = "not answering" if self._state.is_serving else "starting"
        return {
            "agent_pid": self._agent.pid if self._agent is not None else None,
            "agent": running if self._agent is not None else "waiting",
            "problem": self._state.problem,
            "failures": self._state.failures,
            "retry_in_s": round(max(0.0, due - time.monotonic()), 1) if due is not None else None,
        }
