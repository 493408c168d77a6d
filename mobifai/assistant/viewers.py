"""The viewers that receive the assistant's events. Owns the record of which viewer requested which conversation."""

from typing import Protocol

_LAST_EVENTS = frozenset({"ai:finished", "ai:error"})

_FOR_FOLLOWERS = frozenset({"ai:answered"})
"""Events that are sent only to viewers with the feature `assistant`."""


class AssistantViewer(Protocol):
    """A viewer as the assistant uses it: a receiver of the assistant's events. Today it is always a phone's session."""

    @property
    def follows_assistant(self) -> bool:
        """Whether this viewer has the feature `assistant`, and so receives all events of the assistant."""

    @property
    def shown(self) -> tuple[str, ...]:
        """The ids of the terminals that this viewer shows."""

    def send(self, event: str, payload: object) -> None:
        """Send this viewer an event. Must not raise or block."""


class Viewers:
    """The viewers, one for each session, and the terminals in which each viewer has requested a conversation."""

    def __init__(self) -> None:
        self._asked: list[tuple[AssistantViewer, set[str]]] = []  # bounded by the sessions and the conversations

    def add(self, viewer: AssistantViewer) -> None:
        """Begin to send the assistant's events to a viewer. Idempotent."""
        if not any(one is viewer for one, _ in self._asked):
            self._asked.append((viewer, set()))

    def remove(self, viewer: AssistantViewer) -> None:
        """Stop sending the assistant's events to a viewer."""
        self._asked = [pair for pair in self._asked if pair[0] is not viewer]

    def note_request(self, viewer: AssistantViewer, uuid: str) -> None:
        """Record that a viewer requested the conversation in this terminal, and so receives its events."""
        for one, asked in self._asked:
            if one is viewer:
                asked.add(uuid)

    def send(self, uuid: str, event: str, payload: object) -> None:
        """Send an event of a conversation to each viewer that requested the conversation or receives all events."""
        for viewer, asked in self._asked:
            if viewer.follows_assistant or (uuid in asked and event not in _FOR_FOLLOWERS):
                viewer.send(event, payload)
            if event in _LAST_EVENTS:
                asked.discard(uuid)
