"""The agent's status, as a phone requests it."""

from collections.abc import Callable
from typing import TypedDict

from mobifai.protocol.messages.fields import Echo, Empty, Message


class BoundState(Message, frozen=True, omit_defaults=False):
    """The use of one limit: `used` and `capacity` of all its containers together, `peak` of the fullest one."""

    name: str
    unit: str
    used: int
    peak: int
    capacity: int
    refused: int
    evicted: int


class Fact(Message, frozen=True, omit_defaults=False):
    """One figure for people. A number is in `unit`; a count has none."""

    label: str
    value: int | float | str
    unit: str


class Health(Message, frozen=True, omit_defaults=False):
    """The agent's `system:health`. Phones show `facts` unchanged. Pages from before `facts` read the other fields."""

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
"""Handlers of the requests of a phone about the agent as a whole, by event."""
