"""All terminals of the agent, as tabs (section 5 of the protocol).

`Tabs` owns the terminals. It opens, names and closes them, and restores them after a restart. It does not depend on
sessions: viewers register, and receive the events of every terminal.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from mobifai.bounds import BoundedMap, Ledger
from mobifai.errors import LimitReached, StateError, TerminalError
from mobifai.limits import MAX_NAME, TERMINALS
from mobifai.protocol.plain_text import one_line
from mobifai.terminals.events import ShellExited, TerminalClosed, TerminalEvent, TerminalOpened, TerminalRenamed
from mobifai.terminals.read_pacing import ReadPacer
from mobifai.terminals.records import TabRecords, labelled
from mobifai.terminals.shells import ShellSpec, Spawned, Spawner
from mobifai.terminals.spawning import can_be_entered
from mobifai.terminals.store import SavedTab, TabStore
from mobifai.terminals.terminal import Tab, Terminal, check_size
from mobifai.terminals.viewers import TabsViewers

HOLD_SECONDS = 5.0
"""How long the programs in active tabs wait, after the agent restarts, for the phone that was watching them."""


def _ignore(_: TerminalEvent) -> None:
    """Ignore an event."""


class Tabs:
    """The tabs of the agent. `new_shell` describes a shell to start; `now_ms` returns the ms since the epoch.

    `publish` receives every event after the `viewers`.
    """

    def __init__(
        self,
        ledger: Ledger,
        spawner: Spawner,
        store: TabStore,
        new_shell: Callable[[], ShellSpec],
        now_ms: Callable[[], int],
        publish: Callable[[TerminalEvent], None] = _ignore,
    ) -> None:
        self._ledger = ledger
        self._bound = ledger.open(TERMINALS)
        self._terminals: BoundedMap[str, Terminal] = BoundedMap(self._bound)
        self._active: tuple[str, ...] = ()
        self.viewers = TabsViewers(publish)
        self._pacer = ReadPacer(asyncio.get_running_loop().time)
        self._spawner = spawner
        self._records = TabRecords(store, spawner, new_shell)
        self._new_shell = new_shell
        self._now_ms = now_ms

    # -- queries

    def __len__(self) -> int:
        return len(self._terminals)

    @property
    def terminals(self) -> list[Terminal]:
        """All terminals, in the order of their tabs."""
        return sorted(self._terminals.values(), key=lambda terminal: terminal.tab.created_at)

    @property
    def active(self) -> tuple[str, ...]:
        """The ids of the terminals that a viewer showed last; the next viewer begins with them."""
        return self._active

    def get(self, uuid: str) -> Terminal | None:
        """Return a terminal by its id, or None."""
        return self._terminals.get(uuid)

    def find(self, uuid: str, *, also_ended: bool = False) -> Terminal:
        """Return a terminal by its id. Raises TerminalError if there is none.

        Also raises TerminalError if the terminal's shell has ended, unless `also_ended` is True.
        """
        terminal = self._terminals.get(uuid)
        if terminal is None:
            raise TerminalError(f"no terminal has the id {uuid}; it may have ended", uuid)
        if terminal.ended and not also_ended:
            raise TerminalError("the shell of this terminal has ended; close it, or open another one", uuid)
        return terminal

    def first_running(self, uuids: Iterable[str]) -> Terminal:
        """Return the first of these terminals whose shell runs. Raises TerminalError if there is none."""
        for uuid in uuids:
            terminal = self._terminals.get(uuid)
            if terminal is not None and not terminal.ended:
                return terminal
        raise TerminalError("no terminal is active; switch to one or create one")

    def activate(self, uuids: tuple[str, ...]) -> None:
        """Record which terminals a viewer shows now."""
        self._active = uuids
        shown = {*uuids, *self.viewers.shown}
        for uuid, terminal in self._terminals.items():
            terminal.set_active(uuid in shown)
        self._records.set_active(uuids)

    # -- opening, renaming, closing

    def open(self, uuid: str, name: str | None = None, cols: int | None = None, rows: int | None = None) -> Terminal:
        """Open a tab with a new shell, and return its terminal. `cols` and `rows` are its size in character cells.

        Raises TerminalError if that fails, StateError if the keeper does not answer.
        """
        spec = self._new_shell()
        cols, rows = spec.cols if cols is None else cols, spec.rows if rows is None else rows
        check_size(cols, rows, uuid)
        newest = max((terminal.tab.created_at for terminal in self._terminals.values()), default=0)
        tab = Tab(uuid, self._name(name), max(self._now_ms(), newest + 1))
        terminal = self._start(tab, replace(spec, cols=cols, rows=rows))
        self._records.save(tab, spec.cwd)
        self.viewers.emit(TerminalOpened(terminal))
        return terminal

    def _name(self, wanted: str | None) -> str:
        """Return the name that a phone wants for a tab, on one line; if that is empty, a name that no tab has."""
        return one_line(wanted or "", MAX_NAME) or self._free_name()

    def _free_name(self) -> str:
        taken = {terminal.tab.name for terminal in self._terminals.values()}
        return next(name for n in range(1, len(taken) + 2) if (name := f"Tab {n}") not in taken)

    def _require_room(self, uuid: str) -> None:
        """Make room for one more terminal, if needed by closing one whose shell has ended. Raises TerminalError."""
        ended = next((terminal for terminal in self.terminals if terminal.ended), None)
        if not self._bound.room and ended is not None:
            self._remove(ended, by_request=True)
        if not self._bound.room:
            raise TerminalError(str(self._bound.refuse("one more terminal")), uuid)

    def _start(self, tab: Tab, spec: ShellSpec) -> Terminal:
        self._require_room(tab.uuid)
        return self._add(tab, self._spawner.spawn(tab.uuid, spec, partial(self._shell_ended, tab.uuid)))

    def _add(self, tab: Tab, spawned: Spawned) -> Terminal:
        terminal = Terminal(tab, spawned, self._ledger, self._ended, self._pacer)
        self._terminals[tab.uuid] = terminal
        self._records.label(tab)
        return terminal

    def rename(self, uuid: str, name: str) -> None:
        """Rename a tab. Raises TerminalError if there is none with this id."""
        terminal = self.find(uuid, also_ended=True)
        terminal.tab = replace(terminal.tab, name=self._name(name))
        if not terminal.ended:
            self._records.save_running(terminal)
        self._records.label(terminal.tab, ended=terminal.ended)
        self.viewers.emit(TerminalRenamed(terminal.tab))

    def terminate(self, uuid: str) -> None:
        """Close a tab and end its shell. Raises TerminalError if there is none with this id."""
        self._remove(self.find(uuid, also_ended=True), by_request=True)

    # -- the end of a terminal

    def _shell_ended(self, uuid: str, status: int | None = None) -> None:
        terminal = self._terminals.get(uuid)
        if terminal is not None:
            terminal.shell_ended(status)

    def _ended(self, terminal: Terminal) -> None:
        if self._terminals.get(terminal.uuid) is not terminal:
            return
        kept = self._is_kept(terminal)
        self.viewers.emit(ShellExited(terminal, kept))
        if kept:
            self._records.keep_ended(terminal.tab)  # until it is closed
        else:
            self._remove(terminal, by_request=False)

    def _is_kept(self, terminal: Terminal) -> bool:
        """Return whether a terminal whose shell has ended is kept, so that users can see its last output.

        A terminal is closed if somebody typed into it and the shell ended without an error, as after `exit`. It is also
        closed if a viewer can't show ended terminals, or if the exit status is unknown.
        """
        ended_well = terminal.exit_status == 0 and terminal.typed.ever
        return terminal.exit_status is not None and not ended_well and self.viewers.all_show_exits

    def _remove(self, terminal: Terminal, *, by_request: bool) -> None:
        self._discard(terminal)
        self._spawner.end(terminal.pid)
        try:
            self._records.remove(terminal.uuid, self._active)
        finally:
            self.viewers.emit(TerminalClosed(terminal, by_request))

    def _discard(self, terminal: Terminal) -> None:
        del self._terminals[terminal.uuid]
        self._active = tuple(uuid for uuid in self._active if uuid != terminal.uuid)
        terminal.close()

    # -- across restarts

    def restore(self) -> list[TerminalError]:
        """Restore the tabs of the previous agent, the active ones first: adopt their shells, or else start new ones.

        Return the errors of the tabs that failed.
        """
        failed: list[TerminalError] = []
        saved = self._records.load()
        for one in sorted(saved, key=lambda saved_tab: not saved_tab.active):
            try:
                self._restore_one(one)
            except (TerminalError, LimitReached, StateError) as error:
                failed.append(TerminalError(str(error), one.tab.uuid))
        failed += self.adopt_unclaimed()
        self.activate(tuple(one.tab.uuid for one in saved if one.active and one.tab.uuid in self._terminals))
        return failed

    def _restore_one(self, saved: SavedTab) -> None:
        adopted = self._adopt(saved.tab.uuid)
        if adopted is not None:
            terminal = self._add(labelled(saved.tab, adopted.label), adopted)
            if saved.active:
                terminal.flow.hold(HOLD_SECONDS)
        else:
            spec = self._new_shell()
            cwd = saved.cwd if can_be_entered(saved.cwd) else spec.cwd
            terminal = self._start(saved.tab, replace(spec, cwd=cwd))
        self.viewers.emit(TerminalOpened(terminal))

    def _adopt(self, uuid: str) -> Spawned | None:
        self._require_room(uuid)
        return self._spawner.adopt(uuid, partial(self._shell_ended, uuid))

    def adopt_unclaimed(self) -> list[TerminalError]:
        """Adopt shells that have no tab: the record was lost, or adoption failed before.

        Return the errors of the adoptions that failed.
        """
        failed: list[TerminalError] = []
        for uuid in self._spawner.unclaimed():
            try:
                self._claim(uuid)
            except (TerminalError, StateError) as error:
                failed.append(TerminalError(str(error), uuid))
        return failed

    def _claim(self, uuid: str) -> None:
        adopted = self._adopt(uuid)
        if adopted is None:
            return
        tab = labelled(Tab(uuid, self._free_name(), self._now_ms()), adopted.label)
        terminal = self._add(tab, adopted)
        self._records.save_running(terminal)
        self.viewers.emit(TerminalOpened(terminal))

    # -- upkeep

    def trim_inactive(self, inactive_seconds: float, keep_bytes: int) -> int:
        """Shorten the kept output of terminals that were inactive for `inactive_seconds` to `keep_bytes` each.

        Return how many terminals were shortened.
        """
        return sum([terminal.trim(inactive_seconds, keep_bytes) for terminal in self.terminals])

    @property
    def buffer_bytes(self) -> int:
        """Bytes of output that all terminals keep."""
        return sum(len(terminal.ring) for terminal in self._terminals.values())

    @property
    def printed_bytes(self) -> int:
        """Bytes that the present terminals have printed together."""
        return sum(terminal.ring.end for terminal in self._terminals.values())

    def save_directories(self) -> None:
        """Store the working directory of each shell."""
        for terminal in [one for one in self._terminals.values() if not one.ended]:
            self._records.save_running(terminal)

    def close(self) -> None:
        """Release every terminal. The tabs stay in the store, and the keeper keeps the shells."""
        self.save_directories()
        for terminal in self.terminals:
            self._discard(terminal)
            self._spawner.release(terminal.pid)
            self.viewers.emit(TerminalClosed(terminal, by_request=False))
        self._ledger.close(self._bound)
