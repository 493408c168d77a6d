"""What happens to the assistant's conversations, as a frozen value."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConversationStarted:
    """A conversation with the model has begun in a terminal. `conversation` is its task."""

    uuid: str
    conversation: object
