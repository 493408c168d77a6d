"""A `Spawner` whose shells are children of this process."""

import asyncio
import contextlib
import mmap
from collections.abc import Mapping

from mobifai.bounds import BoundedMap, Ledger
from mobifai.errors import TerminalError
from mobifai.limits import TERMINAL_CHILDREN, TERMINAL_RING
from mobifai.terminals.child_watcher import ChildWatcher
from mobifai.terminals.shells import OnExit, ShellSpec, Spawned
from mobifai.terminals.spawning import SpawnError, ring_bytes, start_shell

GRACE_SECONDS = 1.5
"""How long the agent waits at its end for shells to end. Stopping may take 5 s in all."""


class LocalSpawner:
    """Owns the shells' processes, until they end or this process does.

    A shell that ignores the closing of its terminal continues, and counts against the limit until it ends.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._bounds = [ledger.open(TERMINAL_CHILDREN) for _ in range(2)]
        self._watches: BoundedMap[int, ChildWatcher] = BoundedMap(self._bounds[0])
        self._on_exit: BoundedMap[int, OnExit] = BoundedMap(self._bounds[1])
        self._none_left = asyncio.Event()

    async def __aenter__(self) -> "LocalSpawner":
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Wait a moment for shells to end; they save their histories meanwhile."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE_SECONDS):
                while self._watches:
                    self._none_left.clear()
                    await self._none_left.wait()
        for watch in self._watches.values():
            watch.close()
        for bound in self._bounds:
            self._ledger.close(bound)

    def spawn(self, uuid: str, spec: ShellSpec, on_exit: OnExit) -> Spawned:
        """Start a shell (see `Spawner`)."""
        if not self._bounds[0].room:
            raise TerminalError(str(self._bounds[0].refuse("one more shell")), uuid)
        try:
            pid, master = start_shell(spec.argv, spec.env, spec.cwd, (spec.rows, spec.cols))
        except SpawnError as error:
            raise TerminalError(str(error), uuid) from None
        self._watches[pid] = ChildWatcher(pid, lambda status: self._ended(pid, status))
        self._on_exit[pid] = on_exit
        return Spawned(pid, master, mmap.mmap(-1, ring_bytes(self._ledger.capacity(TERMINAL_RING))))

    def adopt(self, uuid: str, on_exit: OnExit) -> Spawned | None:
        """Return None: no shell outlives this process."""

    def unclaimed(self) -> list[str]:
        """Return an empty list: no shell outlives this process."""
        return []

    def describe(self, uuid: str, label: Mapping[str, object]) -> None:
        """Do nothing: no agent follows that could adopt a shell."""

    def end(self, pid: int) -> None:
        """Stop watching a shell for its caller: its end is not reported. The caller has closed the shell's terminal."""
        self._on_exit.pop(pid, None)

    def release(self, pid: int) -> None:
        """Do the same as `end`: no shell outlives this process."""
        self.end(pid)

    def _ended(self, pid: int, status: int | None) -> None:
        del self._watches[pid]
        if not self._watches:
            self._none_left.set()
        on_exit = self._on_exit.pop(pid, None)
        if on_exit is not None:
            on_exit(status)
