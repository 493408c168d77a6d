"""The viewers that are told what the assistant does. Owns who asked for what."""

from typing import Protocol

_LAST_EVENTS = frozenset({"ai:finished", "ai:error"})

_FOR_FOLLOWERS = frozenset({"ai:answered"})
"""Events that only a viewer knows that follows the assistant."""


class AssistantViewer(Protocol):
    """A viewer of the agent's terminals."""

    @property
    def follows_assistant(self) -> bool:
        """Whether it is told everything that the assistant does."""

    def send(self, event: str, payload: object) -> None:
        """Send it a message. Never fails or waits."""


class Viewers:
    """The viewers, one for each session, and the terminals in which each has asked for something while it is here."""

    def __init__(self) -> None:
        self._asked: list[tuple[AssistantViewer, set[str]]] = []  # bounded by the sessions and the conversations

    def add(self, viewer: AssistantViewer) -> None:
        """Tell a viewer of events from now on. One that is here already changes nothing."""
        if not any(one is viewer for one, _ in self._asked):
            self._asked.append((viewer, set()))

    def remove(self, viewer: AssistantViewer) -> None:
        """Tell a viewer nothing more."""
        self._asked = [pair for pair in self._asked if pair[0] is not viewer]

    def note_request(self, viewer: AssistantViewer, uuid: str) -> None:
        """Tell a viewer how the conversation goes on for which it has just asked in this terminal."""
        for one, asked in self._asked:
            if one is viewer:
                asked.add(uuid)

    def send(self, uuid: str, event: str, payload: object) -> None:
        """Send an event of the conversation in a terminal to every viewer that follows, or has asked for it."""
        for viewer, asked in self._asked:
            if viewer.follows_assistant or (uuid in asked and event not in _FOR_FOLLOWERS):
                viewer.send(event, payload)
            if event in _LAST_EVENTS:
                asked.discard(uuid)
