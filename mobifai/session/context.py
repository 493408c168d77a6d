"""The parts of an agent that all of its sessions share."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from mobifai.assistant.access import AssistantAccess
from mobifai.bounds import Ledger
from mobifai.protocol import messages
from mobifai.session.events import SessionEvent
from mobifai.session.key_combinations import Combinations
from mobifai.terminals.tabs import Tabs


@dataclass(frozen=True, slots=True)
class SessionContext:
    """The parts of an agent that every session uses.

    `health` returns the answer to a phone's `system:health`. `publish` is called with each event of a session. `offers`
    yields the numbers of the offers of data channels.
    """

    ledger: Ledger
    tabs: Tabs
    ice_servers: tuple[str, ...]
    assistant: AssistantAccess
    combinations: Combinations
    health: Callable[[], messages.Health]
    publish: Callable[[SessionEvent], None]
    offers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
