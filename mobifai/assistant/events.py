"""Lifecycle events of the assistant's conversations, as frozen values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConversationStarted:
    """A conversation with the model has begun in a terminal. `conversation` is its task."""

    uuid: str
    conversation: object
