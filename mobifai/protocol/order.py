"""One order for the messages of one session, over all the paths that they take. Pure.

Each side numbers its messages from 1 on, whichever path they take, and does the other side's messages by their numbers.
A path carries its messages in order, so a number that is missing before one that came by a path is on the other path.

A data channel that ends loses what is on its way. So an offer and its answer, which go by the relay, carry the number
of the next message: smaller ones that the relay has not brought by then were lost with a channel before.
"""

from enum import StrEnum
from typing import Generic, TypeVar

from mobifai.bounds import BoundedMap
from mobifai.errors import EncryptionError, LimitReached
from mobifai.protocol.frames import encode_frame_bytes, encode_numbered_frame

T = TypeVar("T")

SIGNALS = "webrtc:"
"""Begins the events that are not counted: they make the data channel and say nothing else."""


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
        if self._next is None:
            return encode_frame_bytes(event, payload)
        return encode_numbered_frame(event, payload, self._next)

    def sent(self, event: str) -> None:
        """Count a message whose frame was handed to a path."""
        if self._next is not None and not event.startswith(SIGNALS):
            self._next += 1

    def take(self, event: str) -> int | None:
        """Return the number of a message that is sent in a frame of another form, and count it."""
        number = self._next
        self.sent(event)
        return number


class Arrivals(Generic[T]):
    """The messages of one session as they come, and those that came too early, which are held."""

    def __init__(self, held: BoundedMap[int, tuple[Way, T]]) -> None:
        self._held = held
        self._next = 1
        self._has_channel = False

    def begin(self) -> None:
        """Start a session, which has no data channel yet."""
        self._held.clear()
        self._next = 1
        self._has_channel = False

    def take(self, way: Way, number: int | None, message: T) -> list[T]:
        """Return the messages that can be done now; one without a number never is.

        Raises EncryptionError for one that came late or twice, or when too many wait.
        """
        if number is None:
            return []
        if number < self._next or number in self._held:
            raise EncryptionError(
                f"expected message {self._next} of this session; found {number}, which came late or twice"
            )
        if number > self._next:
            try:
                self._held[number] = way, message
            except LimitReached as full:
                raise EncryptionError(
                    f"expected message {self._next} of this session; it did not come: {full}"
                ) from None
            return self._without_lost()
        self._next += 1
        return [message, *self._following(), *self._without_lost()]

    @property
    def missing_on(self) -> Way | None:
        """The path on which a message is that others wait for; None: none is missing."""
        return self._held[min(self._held)][0].other if self._held else None

    def channel_begins(self, number: int | None) -> list[T]:
        """A data channel carries messages from this number on, if the other side names one.

        Smaller ones that have not come were lost with a channel before. Return the messages that can be done now.
        """
        self._has_channel = True
        found = []
        while self._held and number is not None and min(self._held) < number:
            found += self._skip()
        self._next = max(self._next, number or 0)
        return found + self._following()

    def channel_lost(self) -> list[T]:
        """There is no data channel any more. Return the messages that waited for what was on it."""
        self._has_channel = False
        return self._without_lost()

    def _without_lost(self) -> list[T]:
        found = []
        while self.missing_on is Way.CHANNEL and not self._has_channel:
            found += self._skip()
        return found

    def _skip(self) -> list[T]:
        """Do without the missing messages."""
        self._next = min(self._held)
        return self._following()

    def _following(self) -> list[T]:
        found = []
        while self._next in self._held:
            found.append(self._held.pop(self._next)[1])
            self._next += 1
        return found
