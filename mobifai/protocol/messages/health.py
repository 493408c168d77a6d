"""Messages with the agent's status, which a phone requests."""

from collections.abc import Callable
from typing import TypedDict

from mobifai.protocol.messages.fields import Echo, Empty, Message


class BoundState(Message, frozen=True, omit_defaults=False):
    """The use of one limit. `used` and `capacity` are sums over all its containers; `peak` is that of the fullest."""

    name: str
    unit: str
    used: int
    peak: int
    capacity: int
    refused: int
    evicted: int


class Fact(Message, frozen=True, omit_defaults=False):
    """One figure, to be shown to the user. `unit` is empty for a text and for a plain count."""

    label: str
    value: int | float | str
    unit: str


class Health(Message, frozen=True, omit_defaults=False):
    """`system:health`: the agent's status. Phones show `facts` unchanged. Older pages read the other fields."""

    version: str
    uptime_seconds: float
    memory_bytes: int
    memory_limit_bytes: int
    terminals: int
    worst_case_bytes: int
    facts: tuple[Fact, ...]
    bounds: tuple[BoundState, ...]


SystemHandlers = TypedDict(
    "SystemHandlers",
    {
        "system:health": Callable[[Empty | None], None],
        "system:echo": Callable[[Echo], None],
    },
)
"""Handlers of a phone's requests about the agent as a whole, by event."""
