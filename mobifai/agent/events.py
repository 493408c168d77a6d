"""The agent's lifecycle events: who subscribes receives each as a frozen value, after it has happened.

`TerminalOpened`, `TerminalRenamed`, `ShellExited` and `TerminalClosed` come from the tabs; `SessionOpened`,
`SessionClosed` and `RequestRefused` from the sessions; `ConversationStarted` from the assistant. Owns the list of
subscribers.
"""

import logging
from collections.abc import Callable

from mobifai.assistant.events import ConversationStarted
from mobifai.session.events import RequestRefused, SessionClosed, SessionEvent, SessionOpened
from mobifai.terminals.events import ShellExited, TerminalClosed, TerminalEvent, TerminalOpened, TerminalRenamed

_log = logging.getLogger(__name__)

AgentEvent = TerminalEvent | SessionEvent | ConversationStarted

__all__ = [
    "AgentEvent",
    "ConversationStarted",
    "EventBus",
    "RequestRefused",
    "SessionClosed",
    "SessionOpened",
    "ShellExited",
    "TerminalClosed",
    "TerminalOpened",
    "TerminalRenamed",
]


class EventBus:
    """Passes events on to their subscribers, in the order of the subscriptions."""

    def __init__(self) -> None:
        self._subscribers: tuple[Callable[[AgentEvent], None], ...] = ()

    def subscribe(self, subscriber: Callable[[AgentEvent], None]) -> None:
        """Call a subscriber with every event from now on, for as long as the agent runs. It must not wait."""
        self._subscribers = (*self._subscribers, subscriber)

    def publish(self, event: AgentEvent) -> None:
        """Call every subscriber. One that fails is logged, and disturbs nobody."""
        for subscriber in self._subscribers:
            try:
                subscriber(event)
            except Exception:
                _log.exception("a subscriber failed at %s", type(event).__name__)
