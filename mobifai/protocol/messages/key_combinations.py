"""Messages about the user's own key combinations, for phones that encrypt."""

from collections.abc import Callable
from typing import Annotated, TypedDict

from msgspec import Meta

from mobifai import limits
from mobifai.protocol.ids import Id
from mobifai.protocol.messages.fields import Empty, Message


class Combination(Message, frozen=True):
    """A key combination of the user. `sequence` is the text that it types, with keys (`git status<Enter>`)."""

    id: Id
    label: Annotated[str, Meta(min_length=1, max_length=limits.MAX_KEY_LABEL)]
    sequence: Annotated[str, Meta(min_length=1, max_length=limits.MAX_KEY_SEQUENCE)]


class KeysSet(Message, frozen=True):
    """`keys:set`: replace all key combinations with these."""

    combinations: Annotated[tuple[Combination, ...], Meta(max_length=limits.MAX_KEYS)]


class KeysState(Message, frozen=True, omit_defaults=False):
    """`keys:state`: the stored key combinations; None before a phone has sent any."""

    combinations: tuple[Combination, ...] | None


KeyHandlers = TypedDict(
    "KeyHandlers",
    {
        "keys:get": Callable[[Empty | None], None],
        "keys:set": Callable[[KeysSet], None],
    },
)
"""Handlers of a phone's requests about key combinations, by event."""
