"""Subscribes plants to the lifecycle events of a running agent or keeper.

A plant is called after the process has handled the event, and an exception of the plant is only logged. The modules of
the agent and of the keeper are imported when they are needed, so that neither process loads those of the other.
"""

import itertools
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from soak.plants.plant import IN_KEEPER, LifecycleEvent, PlantEvent

if TYPE_CHECKING:
    from mobifai.agent.agent import Agent
    from mobifai.agent.events import AgentEvent
    from mobifai.terminals.keeper import Keeper

_log = logging.getLogger(__name__)

OnEvent = Callable[[PlantEvent], None]
Call = Callable[[str, Any], None]
"""A function that is called with the key and the object of an event."""


def listen(process: Any, kind: LifecycleEvent, on_event: OnEvent) -> None:
    """Call `on_event` for each future event of the kind `kind`. Several callbacks can listen to the same kind.

    `process` is the Agent, or the Keeper for an event of the keeper.
    """
    numbers = itertools.count(1)

    def call(key: str, thing: Any) -> None:
        event = PlantEvent(next(numbers), key, thing)
        try:
            on_event(event)
        except Exception:  # a failing plant must not be a second fault of the agent
            _log.exception("a plant raised an exception at its event %d, and stays installed", event.number)

    subscribe = _subscribe_to_keeper if kind in IN_KEEPER else _subscribe_to_agent
    subscribe(process, kind, call)


def _subscribe_to_agent(agent: "Agent", kind: LifecycleEvent, call: Call) -> None:
    wanted, describe = _agent_event(kind)

    def follow(event: "AgentEvent") -> None:
        if isinstance(event, wanted):
            call(*describe(event))

    agent.events.subscribe(follow)


def _agent_event(kind: LifecycleEvent) -> tuple[type, Callable[[Any], tuple[str, Any]]]:
    """Return the class of the agent's events of this `kind`, and a function that returns an event's key and object."""
    from mobifai.agent import events  # noqa: PLC0415 - see above

    return {
        LifecycleEvent.CONNECT: (events.SessionOpened, lambda event: (event.device_id, None)),
        LifecycleEvent.DISCONNECT: (events.SessionClosed, lambda _: ("", None)),
        LifecycleEvent.TERMINAL: (events.TerminalOpened, _terminal_of),
        LifecycleEvent.CLOSED: (events.TerminalClosed, _terminal_of),
        LifecycleEvent.PROMPT: (events.ConversationStarted, lambda event: (event.uuid, event.conversation)),
        LifecycleEvent.REFUSAL: (events.RequestRefused, lambda event: ("", event.error)),
    }[kind]


def _terminal_of(event: Any) -> tuple[str, Any]:
    return event.terminal.uuid, event.terminal


def _subscribe_to_keeper(keeper: "Keeper", kind: LifecycleEvent, call: Call) -> None:
    from mobifai.terminals.keeper_shells import CLOSED, HANDED_OVER  # noqa: PLC0415 - see above

    wanted = HANDED_OVER if kind is LifecycleEvent.SHELL else CLOSED
    keeper.shells.subscribe(lambda event, shell: call(shell.uuid, shell) if event == wanted else None)
