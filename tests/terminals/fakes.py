"""Shells without processes: real pseudo-terminals whose other end belongs to the test."""

import mmap
import os
import termios
import tty
from collections.abc import Mapping
from contextlib import suppress

from mobifai.errors import TerminalError
from mobifai.limits import TERMINAL_RING
from mobifai.protocol import messages
from mobifai.terminals.feed import TerminalFeed
from mobifai.terminals.shells import OnExit, ShellSpec, Spawned
from mobifai.terminals.spawning import ring_bytes


class FakeSpawner:
    """Hands out pseudo-terminals. `slaves` are the programs' sides, by pid."""

    def __init__(self) -> None:
        self.slaves: dict[int, int] = {}
        self.specs: dict[int, ShellSpec] = {}
        self.exits: dict[int, OnExit] = {}
        self.ended: list[int] = []
        self.fails_with: str | None = None
        self.labels: dict[str, Mapping[str, object]] = {}
        self._next_pid = 2**30  # no process has it

    def spawn(self, uuid: str, spec: ShellSpec, on_exit: OnExit) -> Spawned:
        if self.fails_with is not None:
            raise TerminalError(self.fails_with, uuid)
        master, slave = os.openpty()
        os.set_blocking(master, False)
        termios.tcsetwinsize(slave, (spec.rows, spec.cols))
        tty.setraw(slave)  # no echo: the only output is the test's
        self._next_pid += 1
        self.slaves[self._next_pid], self.specs[self._next_pid] = slave, spec
        self.exits[self._next_pid] = on_exit
        return Spawned(self._next_pid, master, mmap.mmap(-1, ring_bytes(TERMINAL_RING.value)))

    def adopt(self, uuid: str, on_exit: OnExit) -> Spawned | None:
        return None

    def unclaimed(self) -> list[str]:
        return []

    def describe(self, uuid: str, label: Mapping[str, object]) -> None:
        self.labels[uuid] = label

    def release(self, pid: int) -> None:
        self.end(pid)

    def end(self, pid: int) -> None:
        self.ended.append(pid)
        self.close_slave(pid)

    def exit(self, pid: int, status: int | None = None) -> None:
        """End the shell."""
        self.close_slave(pid)
        self.exits[pid](status)

    def close_slave(self, pid: int) -> None:
        slave = self.slaves.pop(pid, None)
        if slave is not None:
            with suppress(OSError):
                os.close(slave)

    def close(self) -> None:
        for pid in list(self.slaves):
            self.close_slave(pid)


class Notes:
    """An outlet that records its calls; it accepts output immediately, as a phone with room does."""

    def __init__(self, takes: bool = True) -> None:
        self.said: list[tuple[str, object]] = []
        self.output: dict[str, str] = {}
        self.screens: dict[str, int] = {}
        self._takes = takes

    def send(self, event: str, payload: object) -> None:
        assert isinstance(payload, messages.FROM_AGENT[event])
        self.said.append((event, payload))

    send_by_relay = send

    def output_ready(self, feed: TerminalFeed) -> None:
        while self._takes and feed.waiting:
            chunk = feed.take(16 << 10)
            if chunk.begins_screen:
                self.screens[feed.uuid] = self.screens.get(feed.uuid, 0) + 1
                self.output[feed.uuid] = ""
            self.output[feed.uuid] = self.output.get(feed.uuid, "") + chunk.text

    def events(self, name: str) -> list[object]:
        return [payload for event, payload in self.said if event == name]
