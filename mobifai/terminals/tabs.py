"""All terminals of the agent, as tabs (section 5 of the protocol), and what of them persists.

`Tabs` does what a phone's messages ask and tells its `Outlet` what phones should know. It knows no path to a phone,
only whether somebody is there (`phone_came`, `phone_left`): only then, and only for active tabs, is output
forwarded.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Protocol

from msgspec import structs

from mobifai.bounds import BoundedMap, Ledger
from mobifai.errors import BadMessage, LimitReached, StateError, TerminalError
from mobifai.limits import MAX_NAME, TERMINAL_RING, TERMINAL_WINDOW, TERMINALS
from mobifai.protocol import messages
from mobifai.protocol.features import NO_FEATURES, Features
from mobifai.protocol.plain_text import one_line
from mobifai.terminals.listing import exit_of, listed
from mobifai.terminals.output_cursor import advertised_window
from mobifai.terminals.read_pacing import ReadPacer
from mobifai.terminals.shells import ShellSpec, Spawned, Spawner, working_directory
from mobifai.terminals.spawning import can_be_entered
from mobifai.terminals.store import SavedTab, TabStore
from mobifai.terminals.terminal import Tab, Terminal, check_size

HOLD_SECONDS = 5.0
"""How long the programs in active tabs wait, after the agent starts anew, for the phone that was watching them."""

RESUME_SECONDS = 2.0
"""How long a phone may take to say how far it has got; then it gets the screens, as one that has nothing."""


class Outlet(Protocol):
    """Where tabs' news go. No call may fail or wait."""

    def send(self, event: str, payload: object) -> None:
        """A message for the phone, if one is there."""

    def send_by_relay(self, event: str, payload: object) -> None:
        """A message that belongs on the relay, if the phone is there."""

    def output_ready(self, terminal: Terminal) -> None:
        """A forwarded terminal has output that may be taken."""


def _ignore(_: str) -> None:
    """Nobody asked to be told."""


class Tabs:
    """The tabs. `new_shell` describes a shell to start; `now_ms` is the time in ms since the epoch.

    `on_closed` is told the id of every terminal that is no more.
    """

    def __init__(
        self,
        ledger: Ledger,
        spawner: Spawner,
        store: TabStore,
        outlet: Outlet,
        new_shell: Callable[[], ShellSpec],
        now_ms: Callable[[], int],
        on_closed: Callable[[str], None] = _ignore,
    ) -> None:
        self._ledger = ledger
        self._bound = ledger.open(TERMINALS)
        self._terminals: BoundedMap[str, Terminal] = BoundedMap(self._bound)
        self._active: tuple[str, ...] = ()
        self._shown: frozenset[str] = frozenset()
        self._phone = False
        self._features = NO_FEATURES
        self._pacer = ReadPacer(asyncio.get_running_loop().time)
        self._resume_timer: asyncio.TimerHandle | None = None
        self._spawner = spawner
        self._store = store
        self._outlet = outlet
        self._new_shell = new_shell
        self._now_ms = now_ms
        self._on_closed = on_closed

    # -- what there is

    def __len__(self) -> int:
        return len(self._terminals)

    @property
    def terminals(self) -> list[Terminal]:
        """All terminals, in the order of their tabs."""
        return sorted(self._terminals.values(), key=lambda terminal: terminal.tab.created_at)

    @property
    def active(self) -> list[Terminal]:
        """The terminals whose output a phone gets."""
        return [self._terminals[uuid] for uuid in self._active]

    def sync(self, features: Features = NO_FEATURES, *, comes: bool = False) -> messages.ProcessesSync:
        """What a phone with these features is told; `comes`: on a path on which `phone_came` follows."""
        processes = listed(self.terminals, features)
        known = {process.uuid for process in processes}
        active = tuple(uuid for uuid in self._active if uuid in known)
        sync = messages.ProcessesSync(processes=processes, active_uuids=active)
        if features.acknowledges:
            window = advertised_window(self._ledger.capacity(TERMINAL_RING), self._ledger.capacity(TERMINAL_WINDOW))
            sync = structs.replace(sync, window=window)
        return structs.replace(sync, resume=comes) if features.resumes else sync

    def find(self, uuid: str | None, *, also_ended: bool = False) -> Terminal:
        """A terminal by its id, or the first active one, whose shell runs unless `also_ended`. Raises TerminalError."""
        if uuid is None:
            running = next((terminal for terminal in self.active if not terminal.ended), None)
            if running is None:
                raise TerminalError("no terminal is active; switch to one or create one")
            return running
        terminal = self._terminals.get(uuid)
        if terminal is None:
            raise TerminalError(f"no terminal has the id {uuid}; it may have ended", uuid)
        if terminal.ended and not also_ended:
            raise TerminalError("the shell of this terminal has ended; close it, or open another one", uuid)
        return terminal

    # -- a phone comes and goes

    def phone_came(self, features: Features = NO_FEATURES) -> None:
        """Somebody is there, or on another path: what was on its way is lost.

        Active tabs are forwarded from their screens on; with a phone that resumes, from where it says that it is.
        """
        self._phone, self._features = True, features
        self._shown = frozenset()
        for terminal in self._terminals.values():
            terminal.meet(acknowledges=features.acknowledges)
        self._watch_hidden()
        if features.resumes:
            self._await_places()
        else:
            self._forward_active()

    def _await_places(self) -> None:
        self._end_await()
        self._resume_timer = asyncio.get_running_loop().call_later(RESUME_SECONDS, self._forward_active)
        for terminal in self.active:
            terminal.hold(RESUME_SECONDS)

    def _end_await(self) -> None:
        if self._resume_timer is not None:
            self._resume_timer.cancel()
            self._resume_timer = None

    def _forward_active(self) -> None:
        self._end_await()
        for terminal in self.active:
            if not terminal.forwarded:
                terminal.forward()

    def phone_left(self) -> None:
        """Nobody is there: every terminal runs on, into its ring."""
        self._phone = False
        self._end_await()
        for terminal in self.active:
            terminal.stop_forwarding()
        self._watch_hidden()

    def _watch_hidden(self) -> None:
        """Tell a phone that wants to know when a terminal prints that it does not show."""
        wanted = self._phone and self._features.unseen_output
        for uuid, terminal in self._terminals.items():
            terminal.watch(wanted and uuid not in self._active)

    def _printed_unseen(self, terminal: Terminal) -> None:
        self._outlet.send("process:printed", messages.ProcessPrinted(uuid=terminal.uuid, end=terminal.position))

    def _activate(self, uuids: tuple[str, ...]) -> None:
        before, self._active = self._active, uuids
        for uuid, terminal in self._terminals.items():
            terminal.set_active(uuid in uuids)
        self._store.set_active(uuids)
        self._watch_hidden()
        for uuid in before:
            if uuid not in uuids and uuid in self._terminals:
                self._terminals[uuid].stop_forwarding()
        if self._phone and self._features.resumes:
            if self._resume_timer is None:
                self._forward_active()
            return
        fresh = [uuid for uuid in uuids if uuid not in before or uuid not in self._shown]
        self._shown = frozenset(uuids)
        for uuid in fresh if self._phone else ():
            self._terminals[uuid].forward(anew=True)

    def resume(self, message: messages.TerminalResume) -> None:
        """The phone says how far it is: active tabs go on from there. Raises BadMessage."""
        if not self._features.resumes:
            raise BadMessage("terminal:resume", "expected `resume` among the features of phone and agent")
        for place in message.terminals:
            terminal = self._terminals.get(place.uuid)
            if terminal is not None:
                terminal.place(place.stream, place.end)
        if self._phone:
            self._forward_active()

    def acknowledge(self, message: messages.TerminalAck) -> None:
        """The phone has rendered some output. Raises BadMessage. One of a terminal that ended comes too late."""
        if not self._features.acknowledges:
            raise BadMessage("terminal:ack", "expected `ack` among the features of phone and agent")
        terminal = self._terminals.get(message.uuid)
        if terminal is not None:
            terminal.acknowledge(message.end)

    # -- what a phone asks for

    def create(self, message: messages.ProcessCreate) -> None:
        """Open a tab, which becomes the only active one. One that exists is only made active."""
        is_new = message.uuid not in self._terminals
        if is_new:
            self._open(message)
        tab = self._terminals[message.uuid].tab
        first = is_new and sum(not terminal.ended for terminal in self._terminals.values()) == 1
        self._outlet.send("process:created", messages.ProcessNamed(uuid=tab.uuid, name=tab.name))
        if first:
            self._outlet.send_by_relay("system:message", messages.SystemMessage(type="terminal_ready"))
        self._activate((tab.uuid,))

    def _open(self, message: messages.ProcessCreate) -> None:
        spec = self._new_shell()
        cols = spec.cols if message.cols is None else message.cols
        rows = spec.rows if message.rows is None else message.rows
        check_size(cols, rows, message.uuid)
        newest = max((terminal.tab.created_at for terminal in self._terminals.values()), default=0)
        tab = Tab(message.uuid, self._name(message.name), max(self._now_ms(), newest + 1))
        self._start(tab, replace(spec, cols=cols, rows=rows))
        self._store.save(tab, spec.cwd)

    def _name(self, wanted: str | None) -> str:
        """The name that a phone gives a tab, on one line, or a free one."""
        return one_line(wanted or "", MAX_NAME) or self._free_name()

    def _free_name(self) -> str:
        taken = {terminal.tab.name for terminal in self._terminals.values()}
        return next(name for n in range(1, len(taken) + 2) if (name := f"Tab {n}") not in taken)

    def _require_room(self, uuid: str) -> None:
        """Have room for one more terminal; those whose shell has ended make way. Raises TerminalError."""
        ended = next((terminal for terminal in self.terminals if terminal.ended), None)
        if not self._bound.room and ended is not None:
            self._remove(ended)
            self._outlet.send("process:terminated", messages.ProcessRef(uuid=ended.uuid))
        if not self._bound.room:
            raise TerminalError(str(self._bound.refuse("one more terminal")), uuid)

    def _start(self, tab: Tab, spec: ShellSpec) -> None:
        self._require_room(tab.uuid)
        spawned = self._spawner.spawn(tab.uuid, spec, partial(self._shell_ended, tab.uuid))
        self._add(tab, spawned)

    def _add(self, tab: Tab, spawned: Spawned) -> None:
        terminal = Terminal(
            tab, spawned, self._ledger, self._outlet.output_ready, self._ended, self._pacer, self._printed_unseen
        )
        terminal.meet(acknowledges=self._features.acknowledges)
        self._terminals[tab.uuid] = terminal
        self._describe(tab)

    def _describe(self, tab: Tab, *, ended: bool = False) -> None:
        """Have the shell's keeper know its tab: that is to come back although the disk fails."""
        label = {"name": tab.name, "created_at": tab.created_at}
        self._spawner.describe(tab.uuid, {**label, "ended": True} if ended else label)

    def terminate(self, message: messages.ProcessRef) -> None:
        """End a tab and its shell."""
        terminal = self.find(message.uuid, also_ended=True)
        self._remove(terminal)
        self._outlet.send("process:terminated", message)

    def rename(self, message: messages.ProcessNamed) -> None:
        """Give a tab another name."""
        terminal = self.find(message.uuid, also_ended=True)
        name = self._name(message.name)
        terminal.tab = replace(terminal.tab, name=name)
        if not terminal.ended:
            self._store.save(terminal.tab, self._directory(terminal))
        self._describe(terminal.tab, ended=terminal.ended)
        self._outlet.send("process:renamed", structs.replace(message, name=name))

    def switch(self, message: messages.ProcessSwitch) -> None:
        """Make these tabs the active ones; unknown ids are dropped."""
        known = (uuid for uuid in message.active_uuids if uuid in self._terminals)
        self._activate(tuple(dict.fromkeys(known)))

    def type(self, message: messages.TerminalInput) -> None:
        """Type into a terminal; a bare text goes to the first active one."""
        if isinstance(message, str):
            self.find(None).type(message)
        else:
            self.find(message.uuid).type(message.data)

    def act(self, message: messages.TerminalActions) -> None:
        """Type texts and commands, in order."""
        terminal = self.find(message.uuid)
        for action in message.actions:
            terminal.write(action.value + ("\r" if action.type == "command" else ""))

    def resize(self, message: messages.TerminalResize) -> None:
        """Set the size of one terminal, or of all."""
        check_size(message.cols, message.rows, message.uuid or "")
        for terminal in self.terminals if message.uuid is None else [self.find(message.uuid, also_ended=True)]:
            terminal.resize(message.cols, message.rows)

    # -- the end of a terminal

    def _shell_ended(self, uuid: str, status: int | None = None) -> None:
        terminal = self._terminals.get(uuid)
        if terminal is not None:
            terminal.shell_ended(status)

    def _ended(self, terminal: Terminal) -> None:
        if self._terminals.get(terminal.uuid) is not terminal:
            return
        kept, how = self._is_kept(terminal), exit_of(terminal)
        if self._features.shows_exits and how is not None:
            told: object = messages.ProcessExited(uuid=terminal.uuid, exited=how, kept=kept)
        else:
            told = messages.ProcessRef(uuid=terminal.uuid)
        self._outlet.send("process:exited", told)
        if kept:
            self._keep(terminal)
        else:
            self._remove(terminal)

    def _is_kept(self, terminal: Terminal) -> bool:
        """Whether an ended terminal stays to be looked at.

        One does not that somebody typed into and that ended well, as by `exit`, nor one that the phone can't show.
        """
        ended_well = terminal.exit_status == 0 and terminal.was_typed_into
        can_be_shown = self._features.shows_exits or not self._phone
        return terminal.exit_status is not None and not ended_well and can_be_shown

    def _keep(self, terminal: Terminal) -> None:
        """Leave the screen, here and with the keeper, until the terminal is closed; a cold start forgets it."""
        self._describe(terminal.tab, ended=True)
        self._store.remove(terminal.uuid)
        self._on_closed(terminal.uuid)

    def _remove(self, terminal: Terminal) -> None:
        self._discard(terminal)
        self._spawner.end(terminal.pid)
        self._store.remove(terminal.uuid)
        self._store.set_active(self._active)

    def _discard(self, terminal: Terminal) -> None:
        del self._terminals[terminal.uuid]
        self._active = tuple(uuid for uuid in self._active if uuid != terminal.uuid)
        terminal.close()
        self._on_closed(terminal.uuid)

    # -- across restarts

    def restore(self) -> list[TerminalError]:
        """Adopt or open the tabs that were there before, the active ones first; what could not be opened."""
        failed: list[TerminalError] = []
        saved = self._store.load()
        for one in sorted(saved, key=lambda saved_tab: not saved_tab.active):
            try:
                self._restore_one(one)
            except (TerminalError, LimitReached, StateError) as error:
                failed.append(TerminalError(str(error), one.tab.uuid))
        failed += self.adopt_unclaimed()
        self._activate(tuple(one.tab.uuid for one in saved if one.active and one.tab.uuid in self._terminals))
        return failed

    def _restore_one(self, saved: SavedTab) -> None:
        uuid = saved.tab.uuid
        adopted = self._adopt(uuid)
        if adopted is not None:
            self._add(self._described(saved.tab, adopted.label), adopted)
            if saved.active:
                self._terminals[uuid].hold(HOLD_SECONDS)
            return
        spec = self._new_shell()
        self._start(saved.tab, replace(spec, cwd=saved.cwd if can_be_entered(saved.cwd) else spec.cwd))

    def _adopt(self, uuid: str) -> Spawned | None:
        self._require_room(uuid)
        return self._spawner.adopt(uuid, partial(self._shell_ended, uuid))

    def adopt_unclaimed(self) -> list[TerminalError]:
        """Adopt the shells that no tab has: its record was lost, or it could not be adopted before; what failed."""
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
        tab = self._described(Tab(uuid, self._free_name(), self._now_ms()), adopted.label)
        self._add(tab, adopted)
        self._store.save(tab, self._directory(self._terminals[uuid]))
        self._outlet.send("process:created", messages.ProcessNamed(uuid=uuid, name=tab.name))

    @staticmethod
    def _described(tab: Tab, label: Mapping[str, object]) -> Tab:
        """The tab as its shell's keeper knows it: the store may not have had the last word."""
        name, created_at = label.get("name"), label.get("created_at")
        return replace(
            tab,
            name=name if isinstance(name, str) and name else tab.name,
            created_at=created_at if isinstance(created_at, int) else tab.created_at,
        )

    def trim_inactive(self, inactive_seconds: float, keep_bytes: int) -> int:
        """Shrink the screens of terminals that were inactive for so long; how many shrank."""
        return sum([terminal.trim(inactive_seconds, keep_bytes) for terminal in self.terminals])

    @property
    def buffer_bytes(self) -> int:
        """Kept output of all terminals."""
        return sum(len(terminal.ring) for terminal in self._terminals.values())

    @property
    def printed_bytes(self) -> int:
        """What the present terminals have ever printed."""
        return sum(terminal.ring.end for terminal in self._terminals.values())

    def save_directories(self) -> None:
        """Keep where each shell is now."""
        for terminal in [one for one in self._terminals.values() if not one.ended]:
            self._store.save(terminal.tab, self._directory(terminal))

    def _directory(self, terminal: Terminal) -> str:
        with contextlib.suppress(ImportError, OSError):  # it is gone, or no descriptor is left to look with
            return working_directory(terminal.pid)
        return self._new_shell().cwd

    def close(self) -> None:
        """Let go of every terminal; the tabs stay in the store, and the shells with who keeps them."""
        self._end_await()
        self.save_directories()
        for terminal in self.terminals:
            self._discard(terminal)
            self._spawner.release(terminal.pid)
        self._ledger.close(self._bound)
