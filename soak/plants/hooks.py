"""Where plants attach to a running process: a few methods of the agent, wrapped at run time, and the keeper's events.

Owns no event and keeps nothing. A wrapped method does what it did, with the same result and the same errors; what
follows it is told once it is done, and never disturbs it. All places are the agent's own, so that they are the same
with its own relay and with one apart.
"""

import functools
import itertools
import logging
from collections.abc import Callable
from typing import Any

from mobifai.terminals.keeper_shells import CLOSED, HANDED_OVER
from soak.plants.plant import IN_KEEPER, LifecycleEvent, PlantEvent

_log = logging.getLogger(__name__)

Told = Callable[[PlantEvent], None]
Place = tuple[Any, str, Callable[[tuple[Any, ...], Any], tuple[str, Any]]]
"""An object, the name of its method, and what gives an event's key and thing by the method's arguments and result."""


def listen(process: Any, moment: LifecycleEvent, told: Told) -> None:
    """Tell of every such moment from now on, once each; several may listen to one.

    `process` is the Agent, or the Keeper for a moment of its own.
    """
    numbers = itertools.count(1)
    if moment in IN_KEEPER:
        _subscribe(process, moment, lambda shell: _tell(told, PlantEvent(next(numbers), shell.uuid, shell)))
        return
    owner, name, describe = _place(process, moment)
    method = getattr(owner, name)

    @functools.wraps(method)
    def followed(*arguments: Any, **named: Any) -> Any:
        result = method(*arguments, **named)
        _tell(told, PlantEvent(next(numbers), *describe(arguments, result)))
        return result

    setattr(owner, name, followed)


def _tell(told: Told, event: PlantEvent) -> None:
    try:
        told(event)
    except Exception:  # the agent must not suffer: it would be another fault than the planted one
        _log.exception("a plant failed at its event %d", event.number)


def _subscribe(keeper: Any, moment: LifecycleEvent, subscriber: Callable[[Any], None]) -> None:
    """Call the subscriber with each shell to which this happens."""
    wanted = HANDED_OVER if moment is LifecycleEvent.SHELL else CLOSED
    keeper.shells.subscribe(lambda event, shell: subscriber(shell) if event == wanted else None)


def _place(agent: Any, moment: LifecycleEvent) -> Place:
    match moment:
        case LifecycleEvent.CONNECT:
            return agent.links, "_begin_with", lambda arguments, _: (arguments[0], None)
        case LifecycleEvent.DISCONNECT:
            return agent, "phone_left", lambda *_: ("", None)
        case LifecycleEvent.TERMINAL:
            return agent.tabs, "_add", lambda arguments, _: (arguments[0].uuid, agent.tabs.find(arguments[0].uuid))
        case LifecycleEvent.CLOSED:
            return agent.tabs, "_remove", lambda arguments, _: (arguments[0].uuid, arguments[0])
        case LifecycleEvent.PROMPT:
            return agent.assistant, "start", lambda arguments, result: (arguments[1].uuid, result)
        case LifecycleEvent.REFUSAL:
            return agent._dispatcher, "_complain", lambda arguments, _: ("", arguments[0])
        case _:
            raise ValueError(f"{moment} is no moment of an agent")
