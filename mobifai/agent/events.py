"""The agent's lifecycle events. Each subscriber receives an event as a frozen value, after it has happened.

`TerminalOpened`, `TerminalRenamed`, `ShellExited` and `TerminalClosed` come from the tabs; `SessionOpened`,
`SessionClosed` and `RequestRefused` from the sessions; `ConversationStarted` from the assistant. Owns the list of
subscribers.
"""

import logging
from collections.abc import Callable

from mobifai.assistant.events import ConversationStarted
from mobifai.bounds import BoundedMap, Ledger
from mobifai.limits import SUBSCRIBERS
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
    """Passes each event of the agent to all subscribers, in the order in which they subscribed."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._bound = ledger.open(SUBSCRIBERS)
        self._subscribers: BoundedMap[Callable[[AgentEvent], None], None] = BoundedMap(self._bound)

    def subscribe(self, subscriber: Callable[[AgentEvent], None]) -> None:
        """Call `subscriber` with every later event, for as long as the agent runs. The subscriber must not block.

        Raises LimitReached if there are too many subscribers.
        """
        self._subscribers[subscriber] = None

    def publish(self, event: AgentEvent) -> None:
        """Call every subscriber with an event. If a subscriber raises, log that and call the remaining ones."""
        for subscriber in tuple(self._subscribers):
            try:
                subscriber(event)
            except Exception:
                _log.exception("internal error: a subscriber could not handle the event %s", type(event).__name__)

    def close(self) -> None:
        """Remove all subscribers, and close this object's entry in the ledger. Idempotent."""
        self._subscribers.clear()
        self._ledger.close(self._bound)
