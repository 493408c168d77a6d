"""Lifecycle events of the assistant's conversations, as frozen values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConversationStarted:
    """A conversation with the model has begun in a terminal.

    `uuid` is the terminal's id, and `conversation` the object that runs the conversation.
    """

    uuid: str
    conversation: object
