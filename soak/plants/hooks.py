"""How plants follow a running agent or keeper: by its lifecycle events.

Owns no event and keeps nothing. A plant is called once the process has done its part, and never disturbs it. The events
are the agent's own, so they are the same with its own relay and with one apart.
"""

import itertools
import logging
from collections.abc import Callable
from typing import Any

from mobifai.agent.agent import Agent
from mobifai.agent.events import (
    AgentEvent,
    ConversationStarted,
    RequestRefused,
    SessionClosed,
    SessionOpened,
    TerminalClosed,
    TerminalOpened,
)
from mobifai.terminals.keeper_shells import CLOSED, HANDED_OVER
from soak.plants.plant import IN_KEEPER, LifecycleEvent, PlantEvent

_log = logging.getLogger(__name__)

OnEvent = Callable[[PlantEvent], None]


def listen(process: Any, moment: LifecycleEvent, on_event: OnEvent) -> None:
    """Call `on_event` at every such moment from now on, once each; several may listen to one.

    `process` is the Agent, or the Keeper for a moment of its own.
    """
    numbers = itertools.count(1)

    def call(key: str, thing: Any) -> None:
        event = PlantEvent(next(numbers), key, thing)
        try:
            on_event(event)
        except Exception:  # the agent must not suffer: it would be another fault than the planted one
            _log.exception("a plant failed at its event %d", event.number)

    if moment in IN_KEEPER:
        _follow_keeper(process, moment, call)
    else:
        _follow_agent(process, moment, call)


def _follow_agent(agent: Agent, moment: LifecycleEvent, call: Callable[[str, Any], None]) -> None:
    wanted, describe = _AGENT_EVENTS[moment]

    def follow(event: AgentEvent) -> None:
        if isinstance(event, wanted):
            call(*describe(event))

    agent.events.subscribe(follow)


def _follow_keeper(keeper: Any, moment: LifecycleEvent, call: Callable[[str, Any], None]) -> None:
    wanted = HANDED_OVER if moment is LifecycleEvent.SHELL else CLOSED
    keeper.shells.subscribe(lambda event, shell: call(shell.uuid, shell) if event == wanted else None)


_AGENT_EVENTS: dict[LifecycleEvent, tuple[type, Callable[[Any], tuple[str, Any]]]] = {
    LifecycleEvent.CONNECT: (SessionOpened, lambda event: (event.device_id, None)),
    LifecycleEvent.DISCONNECT: (SessionClosed, lambda _: ("", None)),
    LifecycleEvent.TERMINAL: (TerminalOpened, lambda event: (event.terminal.uuid, event.terminal)),
    LifecycleEvent.CLOSED: (TerminalClosed, lambda event: (event.terminal.uuid, event.terminal)),
    LifecycleEvent.PROMPT: (ConversationStarted, lambda event: (event.uuid, event.conversation)),
    LifecycleEvent.REFUSAL: (RequestRefused, lambda event: ("", event.error)),
}
"""The agent's event for each moment, and what gives the key and the thing of the plant's event."""
