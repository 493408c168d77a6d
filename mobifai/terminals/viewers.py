"""The viewers of all terminals, and the events that they receive. Owns the list of viewers."""

from collections.abc import Callable
from typing import Protocol

from mobifai.terminals.events import TerminalEvent


class TabsViewer(Protocol):
    """One viewer of all terminals. Its methods must neither raise nor wait."""

    @property
    def shown(self) -> tuple[str, ...]:
        """The ids of the terminals that this viewer shows."""

    @property
    def shows_exits(self) -> bool:
        """Whether this viewer shows terminals whose shell has ended."""

    def handle(self, event: TerminalEvent) -> None:
        """Handle an event of any terminal."""


class TabsViewers:
    """The viewers, one for each session. `publish` receives every event after the viewers have."""

    def __init__(self, publish: Callable[[TerminalEvent], None]) -> None:
        self._publish = publish
        self._viewers: tuple[TabsViewer, ...] = ()

    def add(self, viewer: TabsViewer) -> None:
        """Send the events of all terminals to a viewer from now on."""
        self._viewers = (*self._viewers, viewer)

    def remove(self, viewer: TabsViewer) -> None:
        """Stop sending events to a viewer. The terminals that it showed stay active for the next one."""
        self._viewers = tuple(one for one in self._viewers if one is not viewer)

    def emit(self, event: TerminalEvent) -> None:
        """Send an event to every viewer, then to the agent's other listeners through `publish`."""
        for viewer in self._viewers:
            viewer.handle(event)
        self._publish(event)

    @property
    def shown(self) -> frozenset[str]:
        """The ids of the terminals that at least one viewer shows."""
        return frozenset(uuid for viewer in self._viewers for uuid in viewer.shown)

    @property
    def all_show_exits(self) -> bool:
        """Whether every viewer shows terminals whose shell has ended."""
        return all(viewer.shows_exits for viewer in self._viewers)
