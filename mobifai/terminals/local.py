"""Shells as children of this very process."""

import asyncio
import mmap
import signal
from collections.abc import Callable, Mapping

from mobifai.bounds import BoundedMap, Ledger
from mobifai.errors import TerminalError
from mobifai.limits import TERMINAL_CHILDREN, TERMINAL_RING
from mobifai.terminals.exits import ExitWatch
from mobifai.terminals.shells import ShellSpec, Spawned
from mobifai.terminals.spawning import SpawnError, ring_bytes, signal_session, start_shell

GRACE_SECONDS = 1.5
"""How long a shell may take to end after SIGHUP. Stopping the agent has 5 s in all."""


class LocalSpawner:
    """Owns the shells' processes; `async with` ends them all."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._bounds = [ledger.open(TERMINAL_CHILDREN) for _ in range(2)]
        self._watches: BoundedMap[int, ExitWatch] = BoundedMap(self._bounds[0])
        self._kills: BoundedMap[int, asyncio.TimerHandle] = BoundedMap(self._bounds[1])
        self._none_left = asyncio.Event()

    async def __aenter__(self) -> "LocalSpawner":
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        for pid in list(self._watches):
            self.end(pid)
        while self._watches:
            self._none_left.clear()
            await self._none_left.wait()
        for bound in self._bounds:
            self._ledger.close(bound)

    def spawn(self, uuid: str, spec: ShellSpec, on_exit: Callable[[], None]) -> Spawned:
        """Start a shell (see `Spawner`)."""
        if not self._bounds[0].room:
            raise TerminalError(str(self._bounds[0].refuse("one more shell")), uuid)
        try:
            pid, master = start_shell(spec.argv, spec.env, spec.cwd, (spec.rows, spec.cols))
        except SpawnError as error:
            raise TerminalError(str(error), uuid) from None
        self._watches[pid] = ExitWatch(pid, lambda: self._ended(pid, on_exit))
        return Spawned(pid, master, mmap.mmap(-1, ring_bytes(self._ledger.capacity(TERMINAL_RING))))

    def adopt(self, uuid: str, on_exit: Callable[[], None]) -> Spawned | None:
        """None: no shell outlives this process."""

    def unclaimed(self) -> list[str]:
        """None, as above."""
        return []

    def describe(self, uuid: str, label: Mapping[str, object]) -> None:
        """Nothing: there is no next agent for its shells."""

    def release(self, pid: int) -> None:
        """End it."""
        self.end(pid)

    def _ended(self, pid: int, on_exit: Callable[[], None]) -> None:
        del self._watches[pid]
        kill = self._kills.pop(pid, None)
        if kill is not None:
            kill.cancel()
            signal_session(pid, signal.SIGKILL)  # what the shell left in its session, and SIGHUP did not end
        if not self._watches:
            self._none_left.set()
        on_exit()

    def end(self, pid: int) -> None:
        """Hang up (see `Spawner`). Unknown and ended ones change nothing."""
        if pid not in self._watches or pid in self._kills:
            return
        signal_session(pid, signal.SIGHUP)
        signal_session(pid, signal.SIGCONT)  # a stopped process takes no SIGHUP
        loop = asyncio.get_running_loop()
        self._kills[pid] = loop.call_later(GRACE_SECONDS, signal_session, pid, signal.SIGKILL)
