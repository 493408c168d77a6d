"""The terminals as one session uses them: which ones its viewer shows, in which size, and from which position.

Owns a feed for each terminal, the viewer's size, and the timer that limits the wait for the viewer's positions.
"""

import asyncio
from typing import Protocol

from msgspec import structs

from mobifai.bounds import BoundedMap, Ledger
from mobifai.errors import BadMessage
from mobifai.limits import TERMINAL_RING, TERMINAL_WINDOW, TERMINALS
from mobifai.protocol import messages
from mobifai.protocol.features import Features
from mobifai.session.viewer_size import ViewerSize
from mobifai.terminals.events import ShellExited, TerminalClosed, TerminalEvent, TerminalOpened, TerminalRenamed
from mobifai.terminals.feed import TerminalFeed
from mobifai.terminals.listing import exit_of, listed
from mobifai.terminals.output_cursor import advertised_window
from mobifai.terminals.tabs import Tabs
from mobifai.terminals.terminal import Terminal, check_size

RESUME_SECONDS = 2.0
"""How long, in seconds, a viewer may take to send its positions. After that it receives the screens, like a viewer that
has no output yet."""


class Outlet(Protocol):
    """Sends messages and output to the viewer. No method may raise or block."""

    def send(self, event: str, payload: object) -> None:
        """Send the viewer a short message: an event and its payload."""

    def send_by_relay(self, event: str, payload: object) -> None:
        """Send a message through the relay, even if a data channel is open."""

    def output_ready(self, feed: TerminalFeed) -> None:
        """Called when an attached feed has output that can be taken from it."""


class SessionTerminals:
    """The terminals of one session. `features` are those of the session's viewer."""

    def __init__(self, tabs: Tabs, ledger: Ledger, features: Features, outlet: Outlet) -> None:
        self._tabs = tabs
        self._ledger = ledger
        self._features = features
        self._outlet = outlet
        self._bound = ledger.open(TERMINALS)
        self._feeds: BoundedMap[str, TerminalFeed] = BoundedMap(self._bound)
        self._has_screen: frozenset[str] = frozenset()
        self._resume_timer: asyncio.TimerHandle | None = None
        self.shown = tabs.active
        self.size = ViewerSize()
        tabs.viewers.add(self)

    def close(self) -> None:
        """Close every feed. The programs keep running, and their output is only kept in the rings. Idempotent."""
        self._tabs.viewers.remove(self)
        self._close_feeds()
        self._ledger.close(self._bound)

    # -- on a transport

    def start(self) -> None:
        """Begin to send output, since the viewer has connected or has changed its transport.

        A viewer with `resume` first sends its positions, and its output continues there. For any other viewer, each
        shown terminal begins with its screen.
        """
        self._close_feeds()
        self._has_screen = frozenset()
        for terminal in self._tabs.terminals:
            self._add_feed(terminal)
        self._watch_hidden()
        if self._features.resumes:
            self._await_positions()
        else:
            self._attach_shown()

    def pause(self) -> None:
        """Send no output until the next call of `start`."""
        self._close_feeds()

    def _close_feeds(self) -> None:
        self._stop_timer()
        while self._feeds:
            self._feeds.pop(next(iter(self._feeds))).close()

    def _add_feed(self, terminal: Terminal) -> None:
        self._feeds[terminal.uuid] = TerminalFeed(
            terminal,
            self._ledger,
            self._outlet.output_ready,
            self._printed_unseen,
            acknowledges=self._features.acknowledges,
        )

    def sync(self, *, resume: bool) -> messages.ProcessesSync:
        """Return the list of terminals, as a message for the viewer.

        `resume`: the message asks the viewer to send its positions. The caller has to call `start` next.
        """
        processes = listed(self._tabs.terminals, self._features)
        known = {process.uuid for process in processes}
        sync = messages.ProcessesSync(
            processes=processes, active_uuids=tuple(uuid for uuid in self.shown if uuid in known)
        )
        if self._features.acknowledges:
            window = advertised_window(self._ledger.capacity(TERMINAL_RING), self._ledger.capacity(TERMINAL_WINDOW))
            sync = structs.replace(sync, window=window)
        return structs.replace(sync, resume=resume) if self._features.resumes else sync

    def _await_positions(self) -> None:
        self._stop_timer()
        self._resume_timer = asyncio.get_running_loop().call_later(RESUME_SECONDS, self._attach_shown)
        for feed in self._shown_feeds():
            feed.terminal.flow.hold(RESUME_SECONDS)

    def _stop_timer(self) -> None:
        if self._resume_timer is not None:
            self._resume_timer.cancel()
            self._resume_timer = None

    def _shown_feeds(self) -> list[TerminalFeed]:
        return [self._feeds[uuid] for uuid in self.shown if uuid in self._feeds]

    def _attach_shown(self) -> None:
        self._stop_timer()
        for feed in self._shown_feeds():
            if not feed.attached:
                feed.attach()

    def _watch_hidden(self) -> None:
        """From now on, report output of the terminals that are not shown, if the viewer has the feature `unseen`."""
        for uuid, feed in self._feeds.items():
            feed.watch(self._features.unseen_output and uuid not in self.shown)

    def _show(self, uuids: tuple[str, ...]) -> None:
        before, self.shown = self.shown, uuids
        self._tabs.activate(uuids)
        self._watch_hidden()
        for uuid in before:
            if uuid not in uuids and uuid in self._feeds:
                self._feeds[uuid].detach()
        if self._features.resumes:
            if self._resume_timer is None:
                self._attach_shown()
            return
        fresh = [uuid for uuid in uuids if uuid not in before or uuid not in self._has_screen]
        self._has_screen = frozenset(uuids)
        for uuid in fresh:
            if uuid in self._feeds:
                self._feeds[uuid].attach(from_screen=True)

    # -- requests of the viewer

    @property
    def handlers(self) -> messages.TerminalHandlers:
        """The handlers of the viewer's messages about terminals, by event."""
        return {
            "process:create": self.create,
            "process:terminate": self.terminate,
            "process:rename": self.rename,
            "process:switch": self.switch,
            "terminal:input": self.type,
            "terminal:actions": self.act,
            "terminal:resize": self.resize,
            "terminal:dimensions": self.resize,
            "terminal:ack": self.acknowledge,
            "terminal:resume": self.resume,
        }

    def create(self, message: messages.ProcessCreate) -> None:
        """Open a tab in the viewer's size, and show only this tab. If the tab exists already, only show it.

        Raises TerminalError, StateError.
        """
        terminal = self._tabs.get(message.uuid)
        if terminal is not None:
            self._send_created(terminal)
        else:
            size = self.size.for_new_terminal(message)
            terminal = self._tabs.open(message.uuid, message.name, size.cols, size.rows)
            if sum(not one.ended for one in self._tabs.terminals) == 1:
                self._outlet.send_by_relay("system:message", messages.SystemMessage(type="terminal_ready"))
        self._show((terminal.uuid,))

    def terminate(self, message: messages.ProcessRef) -> None:
        """Close a tab and end its shell. Raises TerminalError."""
        self._tabs.terminate(message.uuid)

    def rename(self, message: messages.ProcessNamed) -> None:
        """Rename a tab. Raises TerminalError."""
        self._tabs.rename(message.uuid, message.name)

    def switch(self, message: messages.ProcessSwitch) -> None:
        """Show the tabs that the message names, and no others. Unknown ids are ignored."""
        known = (uuid for uuid in message.active_uuids if self._tabs.get(uuid) is not None)
        self._show(tuple(dict.fromkeys(known)))

    def type(self, message: messages.TerminalInput) -> None:
        """Type a text into a terminal. A message without an id means the first shown terminal whose shell runs.

        Raises TerminalError.
        """
        if isinstance(message, str):
            self._tabs.first_running(self.shown).write(message, by_hand=True)
        else:
            self._tabs.find(message.uuid).write(message.data, by_hand=True)

    def act(self, message: messages.TerminalActions) -> None:
        """Type the texts and commands of a message into a terminal, in order. Raises TerminalError."""
        terminal = self._tabs.find(message.uuid)
        for action in message.actions:
            terminal.write(action.value + ("\r" if action.type == "command" else ""))

    def resize(self, message: messages.TerminalResize) -> None:
        """Record the viewer's size. Resize the terminal that the message names, or all. Raises TerminalError."""
        check_size(message.cols, message.rows, message.uuid or "")
        self.size = ViewerSize.of(message)
        if message.uuid is not None:
            self._tabs.find(message.uuid, also_ended=True).resize(message.cols, message.rows)
            return
        for terminal in self._tabs.terminals:
            terminal.resize(message.cols, message.rows)

    def resume(self, message: messages.TerminalResume) -> None:
        """Continue the output of the shown terminals at the positions in the message.

        Raises BadMessage if the feature `resume` is not in use.
        """
        if not self._features.resumes:
            raise BadMessage("terminal:resume", "expected `resume` among the features of phone and agent")
        for place in message.terminals:
            feed = self._feeds.get(place.uuid)
            if feed is not None:
                feed.seek(place.stream, place.end)
        self._attach_shown()

    def acknowledge(self, message: messages.TerminalAck) -> None:
        """Record up to which position the viewer has rendered a terminal's output. Ignore a terminal that is closed.

        Raises BadMessage if the feature `ack` is not in use.
        """
        if not self._features.acknowledges:
            raise BadMessage("terminal:ack", "expected `ack` among the features of phone and agent")
        feed = self._feeds.get(message.uuid)
        if feed is not None:
            feed.acknowledge(message.end)

    # -- events of terminals (TabsViewer)

    @property
    def shows_exits(self) -> bool:
        """Whether the viewer shows terminals whose shell has ended."""
        return self._features.shows_exits

    def handle(self, event: TerminalEvent) -> None:
        """Send the viewer an event of a terminal, and open or close the feed of that terminal if needed."""
        match event:
            case TerminalOpened(terminal):
                self._add_feed(terminal)
                self._watch_hidden()
                self._send_created(terminal)
            case TerminalRenamed(tab):
                self._outlet.send("process:renamed", messages.ProcessNamed(uuid=tab.uuid, name=tab.name))
            case ShellExited(terminal, kept):
                self._send_exited(terminal, kept)
            case TerminalClosed(terminal, by_request):
                self._forget(terminal.uuid)
                if by_request:
                    self._outlet.send("process:terminated", messages.ProcessRef(uuid=terminal.uuid))

    def _forget(self, uuid: str) -> None:
        self.shown = tuple(one for one in self.shown if one != uuid)
        feed = self._feeds.pop(uuid, None)
        if feed is not None:
            feed.close()

    def _send_created(self, terminal: Terminal) -> None:
        created = messages.ProcessNamed(uuid=terminal.uuid, name=terminal.tab.name)
        self._outlet.send("process:created", created)

    def _send_exited(self, terminal: Terminal, kept: bool) -> None:
        exited = messages.ProcessExited(uuid=terminal.uuid)
        how = exit_of(terminal)
        if self._features.shows_exits and how is not None:
            exited = messages.ProcessExited(uuid=terminal.uuid, exited=how, kept=kept)
        self._outlet.send("process:exited", exited)

    def _printed_unseen(self, feed: TerminalFeed) -> None:
        printed = messages.ProcessPrinted(uuid=feed.uuid, end=feed.terminal.position)
        self._outlet.send("process:printed", printed)
