"""One order for the messages of one session, over all the paths that they take. Pure.

Each side numbers its messages from 1 on, whichever path they take, and does the other side's messages by their numbers.
A path carries its messages in order, so a number that is missing before one that came by a path is on the other path.
"""

from enum import StrEnum
from typing import Generic, TypeVar

from mobifai.bounds import BoundedMap
from mobifai.errors import LimitReached, SealBroken
from mobifai.protocol.frames import encode_frame_bytes, encode_numbered_frame

T = TypeVar("T")

SIGNALS = "webrtc:"
"""Begins the events that have no number: they make the data channel and say nothing else."""


class Way(StrEnum):
    """A path between a phone and the agent."""

    RELAY = "relay"
    CHANNEL = "channel"

    @property
    def other(self) -> "Way":
        """The other path."""
        return Way.CHANNEL if self is Way.RELAY else Way.RELAY


class Numbering:
    """The numbers of what is sent. `begin` starts a session; one without an order gets frames without numbers."""

    def __init__(self) -> None:
        self._next: int | None = None

    def begin(self, *, ordered: bool) -> None:
        """Start a session."""
        self._next = 1 if ordered else None

    def frame(self, event: str, payload: object) -> bytes:
        """Return the frame of the next message. `sent` counts it."""
        if self._next is None or event.startswith(SIGNALS):
            return encode_frame_bytes(event, payload)
        return encode_numbered_frame(event, payload, self._next)

    def sent(self, event: str) -> None:
        """Count a message whose frame was handed to a path."""
        if self._next is not None and not event.startswith(SIGNALS):
            self._next += 1

    def take(self) -> int | None:
        """Return the number of a message that is sent in a frame of another form, and count it."""
        number = self._next
        if number is not None:
            self._next = number + 1
        return number


class Arrivals(Generic[T]):
    """The messages of one session as they come, and those that came too early, which are held."""

    def __init__(self, held: BoundedMap[int, tuple[Way, T]]) -> None:
        self._held = held
        self._next = 1

    def begin(self) -> None:
        """Start a session."""
        self._held.clear()
        self._next = 1

    def take(self, way: Way, number: int | None, message: T) -> list[T]:
        """Return the messages that can be done now; one without a number never is.

        Raises SealBroken for one that came late or twice, or when too many wait.
        """
        if number is None:
            return []
        if number < self._next or number in self._held:
            raise SealBroken(f"expected message {self._next} of this session; found {number}, which came late or twice")
        if number > self._next:
            try:
                self._held[number] = way, message
            except LimitReached as full:
                raise SealBroken(f"expected message {self._next} of this session; it did not come: {full}") from None
            return []
        self._next += 1
        return [message, *self._following()]

    @property
    def missing_on(self) -> Way | None:
        """The path on which a message is that others wait for; None: none is missing."""
        return self._held[min(self._held)][0].other if self._held else None

    def skip(self) -> list[T]:
        """Do without the missing messages. Return those that waited for them."""
        self._next = min(self._held, default=self._next)
        return self._following()

    def _following(self) -> list[T]:
        found = []
        while self._next in self._held:
            found.append(self._held.pop(self._next)[1])
            self._next += 1
        return found
