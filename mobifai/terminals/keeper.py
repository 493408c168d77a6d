"""The keeper: a small process that holds the shells, so that no crash of the agent takes them along.

It starts shells, holds the master side of their terminals and the memory of their rings, hands both to the agent,
reaps what ends, and starts the agent again when that dies. It never reads what a shell prints and never touches the
network. It imports the standard library and ptyprocess only, and of those what it can't do without: whatever it has, it
has for as long as the agent runs (dataclasses, typing and subprocess alone would add a third to its memory).

On Linux the first agent runs already when it begins: it is a fork of the command that became the keeper.
"""

import contextlib
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Sequence

from mobifai.terminals import keeper_wire as wire
from mobifai.terminals.spawning import SpawnError, reap, ring_descriptor, signal_session, start_shell

TYPE_CHECKING = False  # as typing has it, which is not imported here
if TYPE_CHECKING:
    from typing import Any

GRACE_SECONDS = 1.5
"""How long a shell may take to end after SIGHUP."""

STOP_SECONDS = 3.0
"""How long the agent may take to end after SIGTERM."""

SILENT_SECONDS = 60.0
"""How long the agent may say nothing before it counts as hung. It says something every 10 s."""

SHORT_LIFE_SECONDS = 10.0
MOST_SHORT_LIVES = 8
"""After so many lives in a row of less than that, starting it again helps nobody."""

LONGEST_DELAY = 5.0

MOST_SHELLS = 128
"""As the limit terminal.children: the agent refuses before."""


class Shell:
    """A shell that the keeper holds. `kill_at` is when what is left of it is killed."""

    def __init__(self, uuid: str, pid: int, master: int, memory: int) -> None:
        self.uuid = uuid
        self.pid = pid
        self.master = master
        self.memory = memory
        self.running = True
        self.kill_at: float | None = None


class Lives:
    """How the agent has lived."""

    def __init__(self) -> None:
        self.started = 0.0
        self.heard = 0.0
        self.short = 0
        self.count = 0
        self.was_ready = False
        self.start_at: float | None = 0.0
        self.notes: dict[str, Any] = {}  # bounded: the agent notes its port, nothing else


class AgentProcess:
    """A child of this process that is the agent."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._status: int | None = None

    def ended(self) -> int | None:
        """Its exit status (of a signal: negative), or None while it runs."""
        if self._status is None:
            try:
                pid, status = os.waitpid(self._pid, os.WNOHANG)
            except ChildProcessError:  # somebody took it from us
                pid, status = self._pid, 1 << 8
            if pid:
                self._status = os.waitstatus_to_exitcode(status)
        return self._status

    def signal(self, number: int) -> None:
        """Send it a signal, if it runs."""
        if self.ended() is None:
            os.kill(self._pid, number)


class Keeper:
    """One keeper. `agent` is the command that starts the agent; `run` returns the exit status.

    `first` is the agent's first life, if that runs already: its pid, and our end of the connection to it.
    """

    def __init__(self, agent: Sequence[str], ring_capacity: int, first: tuple[int, int] | None = None) -> None:
        self._first = first
        self._agent_command = tuple(agent)
        self._ring_capacity = ring_capacity
        self._shells: dict[str, Shell] = {}  # bounded by MOST_SHELLS
        self._agent: AgentProcess | None = None
        self._connection: socket.socket | None = None
        self._receiver: wire.Receiver | None = None
        self._lives = Lives()
        self._selector = selectors.DefaultSelector()
        self._stopping_since: float | None = None
        self._status = 0
        self._question: int | None = None

    # -- the loop

    def run(self) -> int:
        """Keep until told to stop, until the agent ends by itself, or until it can't be kept alive."""
        wakeup = self._watch_signals()
        self._adopt_first()
        try:
            while not self._is_over():
                self._wait(wakeup)
                self._reap()
                self._act(time.monotonic())
        finally:
            self._end_all()
        return self._status

    def _watch_signals(self) -> socket.socket:
        ours, kernels = socket.socketpair()
        ours.setblocking(False)
        kernels.setblocking(False)
        signal.set_wakeup_fd(kernels.detach(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._selector.register(ours, selectors.EVENT_READ)
        return ours

    def _stop(self, *_: object) -> None:
        if self._stopping_since is None:
            self._stopping_since = time.monotonic()
            self._lives.start_at = None
            if self._agent is not None:
                self._agent.signal(signal.SIGTERM)

    def _is_over(self) -> bool:
        return self._agent is None and self._lives.start_at is None

    def _wait(self, wakeup: socket.socket) -> None:
        for key, _ in self._selector.select(self._patience()):
            if key.fileobj is wakeup:
                with contextlib.suppress(BlockingIOError):
                    wakeup.recv(4096)
            else:
                self._hear()

    def _patience(self) -> float:
        """Seconds until something is due."""
        now = time.monotonic()
        due = [shell.kill_at for shell in self._shells.values() if shell.kill_at is not None]
        if self._lives.start_at is not None and self._agent is None:
            due.append(self._lives.start_at)
        if self._agent is not None:
            due.append(self._lives.heard + SILENT_SECONDS)
        if self._stopping_since is not None:
            due.append(self._stopping_since + STOP_SECONDS)
        return max(0.0, min(due, default=now + SILENT_SECONDS) - now)

    def _act(self, now: float) -> None:
        for shell in list(self._shells.values()):
            if shell.kill_at is not None and shell.kill_at <= now:
                shell.kill_at = None
                signal_session(shell.pid, signal.SIGKILL)
        if self._agent is None:
            if self._lives.start_at is not None and self._lives.start_at <= now:
                self._start_agent(now)
        elif self._stopping_since is not None and now > self._stopping_since + STOP_SECONDS:
            self._agent.signal(signal.SIGKILL)
        elif now > self._lives.heard + SILENT_SECONDS:
            _say(f"the agent said nothing for {SILENT_SECONDS:.0f} s: it hangs, and is started again")
            self._agent.signal(signal.SIGKILL)
            self._lives.heard = now

    # -- the agent

    def _start_agent(self, now: float) -> None:
        try:
            self._lives.start_at = None
            self._launch(now)
        except OSError as error:
            self._lives.start_at = now + LONGEST_DELAY
            _say(f"the agent can't be started ({error}); every terminal is kept, and it is tried again")

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
            self._lives.start_at = None
            self._live(AgentProcess(pid), ours, time.monotonic())

    def _live(self, agent: AgentProcess, ours: socket.socket, now: float) -> None:
        self._agent = agent
        ours.setblocking(False)
        self._connection, self._receiver = ours, wire.Receiver(ours)
        self._selector.register(ours, selectors.EVENT_READ)
        self._lives.started = self._lives.heard = now
        self._lives.count += 1

    def _hear(self) -> None:
        assert self._receiver is not None  # noqa: S101
        try:
            alive = self._receiver.receive()
        except BlockingIOError:
            return
        except OSError:
            alive = False
        self._lives.heard = time.monotonic()
        while (message := self._receiver.next()) is not None:
            self._obey(message)
        if not alive:
            self._hang_up()

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._selector.unregister(self._connection)
            self._connection.close()
            self._connection = self._receiver = None

    def _obey(self, message: "dict[str, Any]") -> None:
        self._question = message.get("id")
        match message.get("ask"):
            case "hello":
                held = [shell.uuid for shell in self._shells.values() if shell.kill_at is None]
                self._answer(
                    {"shells": held, "notes": self._lives.notes, "pid": os.getpid(), "life": self._lives.count}
                )
            case "ready":
                self._lives.was_ready = True
            case "note":
                self._lives.notes["port"] = message["port"]
            case "spawn":
                self._spawn(message)
            case "take":
                self._hand_over(self._shells.get(message["uuid"]))
            case "end":
                self._end(message["pid"])

    def _answer(self, message: "dict[str, Any]", descriptors: list[int] | None = None) -> None:
        """Answer the question that is being obeyed."""
        self._tell({**message, "id": self._question}, descriptors)

    def _tell(self, message: "dict[str, Any]", descriptors: list[int] | None = None) -> None:
        if self._connection is None:
            return
        try:
            wire.send(self._connection, message, descriptors)
        except OSError:
            # An agent that leaves hundreds of lines unread hangs; the next one asks for all that there is.
            if self._agent is not None:
                self._agent.signal(signal.SIGKILL)

    def _agent_ended(self, status: int) -> None:
        self._hang_up()
        self._agent = None
        now = time.monotonic()
        lived = now - self._lives.started
        if self._stopping_since is not None:
            return
        if status == wire.RESTART_STATUS:
            self._lives.start_at = now
        elif status == 0 or not self._lives.was_ready:
            self._status = status if status >= 0 else 1
            if status < 0:
                _say(f"the agent ended at its start by {_name(status)}")
        else:
            self._plan_restart(now, lived, status)

    def _plan_restart(self, now: float, lived: float, status: int) -> None:
        self._lives.short = self._lives.short + 1 if lived < SHORT_LIFE_SECONDS else 0
        if self._lives.short >= MOST_SHORT_LIVES:
            self._status = 1
            _say(
                f"the agent ended {MOST_SHORT_LIVES} times in a row within {SHORT_LIFE_SECONDS:.0f} s of its start, "
                f"the last time by {_name(status)}; giving up. Its log says more; `mobifai doctor` checks this machine."
            )
            return
        delay = min(0.1 * 2**self._lives.short, LONGEST_DELAY)
        self._lives.start_at = now + delay
        _say(f"the agent ended by {_name(status)}; every terminal is kept, and it is started again in {delay:.1f} s")

    # -- the shells

    def _spawn(self, message: "dict[str, Any]") -> None:
        if len(self._shells) >= MOST_SHELLS:
            self._answer({"error": f"at most {MOST_SHELLS} shells are held"})
            return
        memory = -1
        try:
            memory = ring_descriptor(self._ring_capacity)
            pid, master = start_shell(message["argv"], message["env"], message["cwd"], tuple(message["size"]))
        except (SpawnError, OSError) as error:
            if memory >= 0:
                os.close(memory)
            self._answer({"error": str(error)})
            return
        shell = Shell(message["uuid"], pid, master, memory)
        self._shells[shell.uuid] = shell
        self._hand_over(shell)

    def _hand_over(self, shell: Shell | None) -> None:
        if shell is None:
            self._answer({"error": "no such shell"})
        else:
            told = {"pid": shell.pid, "running": shell.running}
            self._answer(told, [shell.master, shell.memory])

    def _end(self, pid: int) -> None:
        for shell in [shell for shell in self._shells.values() if shell.pid == pid]:
            if not shell.running:
                self._forget(shell)
            elif shell.kill_at is None:
                _hang_up_session(pid)
                shell.kill_at = time.monotonic() + GRACE_SECONDS

    def _forget(self, shell: Shell) -> None:
        if self._shells.pop(shell.uuid, None) is not None:
            os.close(shell.master)
            os.close(shell.memory)

    def _reap(self) -> None:
        for shell in [shell for shell in self._shells.values() if shell.running]:
            if reap(shell.pid):
                self._shell_ended(shell)
        if self._agent is not None and (status := self._agent.ended()) is not None:
            self._agent_ended(status)

    def _shell_ended(self, shell: Shell) -> None:
        shell.running = False
        self._tell({"ended": shell.pid})
        if shell.kill_at is not None:  # it was told to end: so is what it left behind
            signal_session(shell.pid, signal.SIGKILL)
            self._forget(shell)

    def _end_all(self) -> None:
        """Hang up on every shell, and kill what is left after the grace period."""
        self._hang_up()
        running = [shell for shell in self._shells.values() if shell.running]
        for shell in running:
            _hang_up_session(shell.pid)
        until = time.monotonic() + GRACE_SECONDS
        while time.monotonic() < until and not all([reap(shell.pid) for shell in running]):  # noqa: C419
            time.sleep(0.01)
        for shell in list(self._shells.values()):
            signal_session(shell.pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(shell.pid, 0)
            self._forget(shell)


def _hang_up_session(pid: int) -> None:
    signal_session(pid, signal.SIGHUP)
    signal_session(pid, signal.SIGCONT)  # a stopped process takes no SIGHUP


def _name(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"status {status}"


def _say(text: str) -> None:
    with contextlib.suppress(OSError):
        print(f"mobifai keeper: {text}", file=sys.stderr, flush=True)


def _execute(command: Sequence[str], connection: socket.socket) -> int:
    """Start a program that finds the connection by its environment, with no other descriptor of ours; its pid."""
    import subprocess  # noqa: PLC0415 - for the second life only

    environment = {**os.environ, wire.FD_VARIABLE: str(connection.fileno())}
    started = subprocess.Popen(command, env=environment, pass_fds=[connection.fileno()])  # noqa: S603
    started.returncode = 0  # it is ours to wait for
    return started.pid


def main() -> None:
    """`python keeper.py RING_CAPACITY PID DESCRIPTOR COMMAND...`; PID is 0 when no agent runs yet."""
    capacity, pid, descriptor = map(int, sys.argv[1:4])
    if not pid:
        os.close(descriptor)
    sys.exit(Keeper(sys.argv[4:], capacity, (pid, descriptor) if pid else None).run())


if __name__ == "__main__":
    main()
