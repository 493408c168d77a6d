"""The keeper: a small process that holds the shells, so that no crash of the agent takes them along.

It starts shells, holds the master side of their terminals and the memory of their rings, hands both to the agent,
reaps what ends, and starts the agent again when that ends. Shells end with the keeper when it is told to stop, and for
no state of the agent: it is started again for as long as it takes. Meanwhile programs wait once the system's own buffer
of their terminal is full, and nothing that they print is lost.

It never reads what a shell prints and never touches the network. It imports the standard library and ptyprocess only,
and of those what it can't do without: whatever it has, it has for as long as the agent runs (dataclasses, typing and
subprocess alone would add a third to its memory).

On Linux the first agent runs already when it begins: it is a fork of the command that became the keeper.
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

from mobifai.terminals import keeper_protocol
from mobifai.terminals.keeper_control import Control
from mobifai.terminals.keeper_report import Reports
from mobifai.terminals.keeper_restarts import RestartState
from mobifai.terminals.spawning import ended_children, kill_first_without_memory, ring_descriptor, start_shell

TYPE_CHECKING = False  # as typing has it, which is not imported here
if TYPE_CHECKING:
    from typing import Any

    from mobifai.terminals.keeper_plugins import KeeperQuestions

GRACE_SECONDS = 1.5
"""How long the keeper waits at its end for shells that were hung up on."""

START_SECONDS = 10.0
"""How long an agent may take to start before `mobifai restart` replaces it."""

STOP_SECONDS = 3.0
"""How long the agent may take to end after SIGTERM."""

SILENT_SECONDS = 60.0
"""How long the agent may say nothing before it counts as hung. It says something every 10 s."""

STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""What the command that becomes the keeper has blocked until the keeper handles them."""

STOPPED_SECONDS = 5.0
"""When the keeper wakes so much later than it wanted, it was stopped itself, and the agent probably with it."""

MOST_SHELLS = 128
"""As the limit terminal.children: the agent refuses before."""

_MOST_LABEL = 4096
_LAST_READS = 8


class Shell:
    """A shell that the keeper holds. `status` is its exit status once it has ended, negative for a signal.

    `label` is what the agent wants to know of its tab when it finds the shell again; the keeper reads the name only.
    """

    def __init__(self, uuid: str, pid: int, master: int, memory: int, label: "dict[str, Any]") -> None:
        self.uuid = uuid
        self.pid = pid
        self.master = master
        self.memory = memory
        self.label = label
        self.status: int | None = None


class AgentProcess:
    """A child of this process that is the agent. `status` is its exit status once that is taken."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.status: int | None = None

    def signal(self, number: int) -> None:
        """Send it a signal. Its pid is nobody else's before its status is taken."""
        if self.status is None:
            os.kill(self.pid, number)


class Keeper:
    """One keeper. `agent` is the command that starts the agent; `run` returns the exit status.

    `first` is the agent's first life, if that runs already: its pid, and our end of the connection to it. `control` is
    the listening socket for commands, and its file.
    """

    def __init__(
        self,
        agent: Sequence[str],
        ring_capacity: int,
        first: tuple[int, int] | None = None,
        control: tuple[socket.socket, str] | None = None,
        reports: Reports | None = None,
    ) -> None:
        self._first = first
        self._agent_command = tuple(agent)
        self._ring_capacity = ring_capacity
        self._shells: dict[str, Shell] = {}  # bounded by MOST_SHELLS
        self._agent: AgentProcess | None = None
        self._connection: socket.socket | None = None
        self._receiver: keeper_protocol.Receiver | None = None
        self._lives = RestartState()
        self._reports = reports if reports is not None else Reports("", as_json=False)
        self._selector = selectors.DefaultSelector()
        self._control = Control(*control, self._selector, self._reply) if control is not None else None
        self._stopping_since: float | None = None
        self._status = 0
        self._question: int | None = None
        self._questions: KeeperQuestions | None = None

    # -- the loop

    def run(self) -> int:
        """Keep until told to stop; only an agent that refuses its very first start ends the keeper with it."""
        self._watch_signals()
        self._adopt_first()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
        try:
            while not self._is_over():
                try:
                    self._wait()
                    self._reap()
                    self._act(time.monotonic())
                except Exception as error:  # whatever fails here, the shells are kept
                    self._reports.problem(
                        f"an internal error: {error!r}", "every terminal is kept", 0, time.monotonic()
                    )
                    time.sleep(1)
        finally:
            self._end_all()
        return self._status

    def _watch_signals(self) -> None:
        ours, kernels = socket.socketpair()
        ours.setblocking(False)
        kernels.setblocking(False)
        signal.set_wakeup_fd(kernels.detach(), warn_on_full_buffer=False)
        for number in STOPPING:
            # nohup ignores SIGHUP, and a script SIGINT for what it starts in the background: that stays so.
            if number == signal.SIGTERM or signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._selector.register(ours, selectors.EVENT_READ, lambda: _drain(ours))

    def _stop(self, *_: object) -> None:
        if self._stopping_since is None:
            self._stopping_since = time.monotonic()
            self._lives.start_at = None
            if self._agent is not None:
                self._agent.signal(signal.SIGTERM)

    def _is_over(self) -> bool:
        return self._agent is None and self._lives.start_at is None

    def _wait(self) -> None:
        patience, began = self._patience(), time.monotonic()
        events = self._selector.select(patience)
        now = time.monotonic()
        if now > began + patience + STOPPED_SECONDS:
            self._lives.heard = now
        for key, _ in events:
            key.data()

    def _patience(self) -> float:
        """Seconds until something is due."""
        now = time.monotonic()
        due = []
        if self._lives.start_at is not None and self._agent is None:
            due.append(self._lives.start_at)
        if self._agent is not None:
            due.append(self._lives.heard + SILENT_SECONDS)
        if self._stopping_since is not None:
            due.append(self._stopping_since + STOP_SECONDS)
        return max(0.0, min(due, default=now + SILENT_SECONDS) - now)

    def _act(self, now: float) -> None:
        if self._agent is None:
            if self._lives.start_at is not None and self._lives.start_at <= now:
                self._start_agent(now)
        elif self._stopping_since is not None and now > self._stopping_since + STOP_SECONDS:
            self._agent.signal(signal.SIGKILL)
        elif now > self._lives.heard + SILENT_SECONDS:
            self._lives.fail(f"it hung: nothing was heard of it for {SILENT_SECONDS:.0f} s")
            self._agent.signal(signal.SIGKILL)
            self._lives.heard = now

    # -- the agent

    def _start_agent(self, now: float) -> None:
        try:
            self._launch(now)
        except Exception as error:  # no process, no descriptor, or no Python is left to start it with
            self._lives.not_started(error, now)
            self._report()

    def _launch(self, now: float) -> None:
        """Start the agent's process, connected to us. Raises OSError."""
        ours, agents = socket.socketpair()
        try:
            agent = AgentProcess(_execute(self._agent_command, agents))
        except OSError:
            ours.close()
            raise
        finally:
            agents.close()
        self._live(agent, ours, now)

    def _adopt_first(self) -> None:
        """Go on with the life that began before us."""
        if self._first is not None:
            pid, descriptor = self._first
            ours = socket.socket(fileno=descriptor)
            ours.set_inheritable(False)
            self._live(AgentProcess(pid), ours, time.monotonic())

    def _live(self, agent: AgentProcess, ours: socket.socket, now: float) -> None:
        self._agent = agent
        kill_first_without_memory(agent.pid)  # from its start on: it takes most of its memory while it starts
        ours.setblocking(False)
        self._connection, self._receiver = ours, keeper_protocol.Receiver(ours)
        self._selector.register(ours, selectors.EVENT_READ, self._hear)
        self._lives.begin(now)

    def _hear(self) -> None:
        receiver = self._receiver
        if receiver is None:
            return
        try:
            alive = receiver.receive()
        except BlockingIOError:
            return
        except OSError:
            alive = False
        self._lives.heard = time.monotonic()
        try:
            while self._connection is not None and (message := receiver.next()) is not None:
                self._obey(message)
        except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError) as error:
            self._distrust(error)
        if receiver.is_overfull:
            self._distrust(ValueError(f"a line of more than {keeper_protocol.LINE_BYTES} bytes"))
        elif not alive:
            self._hang_up()

    def _distrust(self, error: Exception) -> None:
        """An agent that breaks the rules between us is replaced by a fresh one."""
        self._lives.fail(f"it sent what the keeper does not understand ({error!r})")
        if self._agent is not None:
            self._agent.signal(signal.SIGKILL)
        self._hang_up()

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._selector.unregister(self._connection)
            self._connection.close()
            if self._receiver is not None:
                self._receiver.close()
            self._connection = self._receiver = None

    def _obey(self, message: "dict[str, Any]") -> None:
        self._question = message.get("id")
        match message.get("ask"):
            case "hello":
                held, lives = list(self._shells), self._lives
                self._answer({"shells": held, "notes": lives.notes, "pid": os.getpid(), "life": lives.count})
            case "ready":
                self._serving()
            case "failed":
                self._lives.fail(str(message["text"]))
            case "note":
                self._lives.notes["port"] = int(message["port"])
            case "label":
                shell = self._shells.get(message["uuid"])
                if shell is not None:
                    shell.label = _label(message)
            case "spawn":
                self._spawn(message)
            case "take":
                self._hand_over(self._shells.get(message["uuid"]), spawned=False)
            case "end":
                self._end(message["pid"])

    def _serving(self) -> None:
        if self._lives.problem:
            self._reports.say("the agent serves again")
        self._lives.serve()

    def _answer(self, message: "dict[str, Any]", descriptors: list[int] | None = None) -> None:
        """Answer the question that is being obeyed."""
        self._tell({**message, "id": self._question}, descriptors)

    def _tell(self, message: "dict[str, Any]", descriptors: list[int] | None = None) -> None:
        if self._connection is None:
            return
        try:
            keeper_protocol.send(self._connection, message, descriptors)
        except OSError:
            # An agent that leaves hundreds of lines unread hangs; the next one asks for all that there is.
            if self._agent is not None:
                self._agent.signal(signal.SIGKILL)

    def _agent_ended(self, status: int) -> None:
        self._hear_rest()
        self._hang_up()
        self._agent = None
        now = time.monotonic()
        if self._stopping_since is not None:
            return
        final = self._lives.end(status, now, has_shells=bool(self._shells))
        if final is not None:
            self._status = final
        elif self._lives.problem:
            self._report()

    def _hear_rest(self) -> None:
        """Hear what the agent sent before it ended: why, if it knew."""
        for _ in range(_LAST_READS):
            if self._connection is not None:
                self._hear()

    def _report(self) -> None:
        lives, now = self._lives, time.monotonic()
        delay = max(0.0, (lives.start_at or now) - now)
        outlook = (
            f"every terminal is kept, and it is started again in {delay:.1f} s (`mobifai restart` tries at once, "
            "`mobifai doctor` looks for the cause)"
        )
        self._reports.problem(f"the agent does not run: {lives.problem}", outlook, lives.failures, now)

    # -- commands

    def _reply(self, question: object, arguments: "dict[str, Any]") -> "dict[str, Any]":
        """Answer a command that did not reach the agent, or a test run that looks into this process."""
        if keeper_protocol.TEST_VARIABLE in os.environ and isinstance(question, str) and "." in question:
            return self._look_inside(question, arguments)
        if question == "status":
            return {"answer": self._state()}
        if question == "restart":
            if self._stopping_since is None:
                self._replace(time.monotonic())
            return {"answer": {}}
        state = self._state()
        return {"error": f"the agent does not run ({state['problem'] or state['agent']}); every terminal is kept"}

    def _look_inside(self, question: str, arguments: "dict[str, Any]") -> "dict[str, Any]":
        from mobifai.terminals import keeper_plugins  # noqa: PLC0415 - for a test run only

        if self._questions is None:
            self._questions = keeper_plugins.KeeperQuestions(self)
        if self._control is not None:
            self._control.patience = keeper_plugins.PATIENCE_SECONDS
        return self._questions.answer(question, arguments)

    def _replace(self, now: float) -> None:
        """Start an agent now. One that runs did not answer the command; it is left alone while it may be starting."""
        if self._agent is None:
            self._lives.start_at = now
        elif self._lives.is_serving or now > self._lives.started + START_SECONDS:
            self._lives.fail("it did not answer a command")
            self._lives.replace()
            self._agent.signal(signal.SIGKILL)

    def _state(self) -> "dict[str, Any]":
        due = self._lives.start_at
        running = "not answering" if self._lives.is_serving else "starting"
        return {
            "keeper_pid": os.getpid(),
            "agent_pid": self._agent.pid if self._agent is not None else None,
            "agent": running if self._agent is not None else "waiting",
            "problem": self._lives.problem,
            "failures": self._lives.failures,
            "retry_in_s": round(max(0.0, due - time.monotonic()), 1) if due is not None else None,
            "terminals": [
                {"uuid": shell.uuid, "name": str(shell.label.get("name", "")), "pid": shell.pid}
                for shell in self._shells.values()
            ],
        }

    # -- the shells

    def _spawn(self, message: "dict[str, Any]") -> None:
        if len(self._shells) >= MOST_SHELLS:
            self._answer({"error": f"at most {MOST_SHELLS} shells are held"})
            return
        if message["uuid"] in self._shells:
            self._answer({"error": "a terminal with this id is open already"})
            return
        memory = -1
        try:
            memory = ring_descriptor(self._ring_capacity)
            pid, master = start_shell(message["argv"], message["env"], message["cwd"], tuple(message["size"]))
        except Exception as error:  # the agent learns whatever it was, and nothing stays open
            if memory >= 0:
                os.close(memory)
            self._answer({"error": str(error)})
            return
        shell = Shell(message["uuid"], pid, master, memory, _label(message))
        self._shells[shell.uuid] = shell
        self._hand_over(shell, spawned=True)

    def _hand_over(self, shell: Shell | None, *, spawned: bool) -> None:
        if shell is None:
            self._answer({"error": "no such shell"})
        else:
            held = {"pid": shell.pid, "running": shell.status is None, "status": shell.status}
            self._answer({**held, "spawned": spawned, "label": shell.label}, [shell.master, shell.memory])

    def _end(self, pid: int) -> None:
        for shell in [shell for shell in self._shells.values() if shell.pid == pid]:
            self._let_go(shell)

    def _let_go(self, shell: Shell) -> None:
        """Close a shell's terminal, on which the kernel hangs up. The shell may ignore that, as in any terminal."""
        del self._shells[shell.uuid]
        os.close(shell.master)
        os.close(shell.memory)

    def _reap(self) -> None:
        """Take the status of every child that has ended, also of orphans and of shells whose terminal is closed."""
        for pid, status in ended_children():
            if self._agent is not None and pid == self._agent.pid:
                self._agent.status = status
                self._agent_ended(status)
            for shell in self._shells.values():
                if shell.pid == pid and shell.status is None:
                    shell.status = status
                    self._tell({"ended": pid, "status": status})

    def _end_all(self) -> None:
        """Hang up on every shell, and wait a little for them to end: they save their histories."""
        self._hang_up()
        if self._control is not None:
            self._control.close()
        running = {shell.pid for shell in self._shells.values() if shell.status is None}
        for shell in list(self._shells.values()):
            self._let_go(shell)
        until = time.monotonic() + GRACE_SECONDS
        while running and time.monotonic() < until:
            running -= {pid for pid, _ in ended_children()}
            time.sleep(0.01)


def _label(message: "dict[str, Any]") -> "dict[str, Any]":
    """The label in a message; one that is none, or too long, is left out."""
    label = message.get("label")
    return label if isinstance(label, dict) and len(json.dumps(label)) <= _MOST_LABEL else {}


def _drain(wakeup: socket.socket) -> None:
    with contextlib.suppress(BlockingIOError):
        wakeup.recv(4096)


def _execute(command: Sequence[str], connection: socket.socket) -> int:
    """Start a program that finds the connection by its environment, with no other descriptor of ours; its pid."""
    import subprocess  # noqa: PLC0415 - for the second life only

    environment = {**os.environ, keeper_protocol.FD_VARIABLE: str(connection.fileno())}
    started = subprocess.Popen(command, env=environment, pass_fds=[connection.fileno()])  # noqa: S603
    started.returncode = 0  # the keeper itself takes its status
    return started.pid


def main() -> None:
    """`python keeper.py SETUP COMMAND...`; SETUP is a JSON object as `cli.serve` makes it.

    In it, `agent` is the pid of the agent that runs already (0: none) and `connection` the descriptor to it; `control`
    is the descriptor of the listening socket (-1: none) and `control_path` its file.
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
