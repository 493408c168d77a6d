"""One order for the messages of a session, over both of its paths (relay and data channel). This module does no I/O.

Each side numbers its messages from 1, on whichever path it sends them, and processes the other side's messages in the
order of their numbers. Each path keeps the order of its messages. So if a message arrives early, the missing one is on
the other path.

A data channel that ends loses the messages in flight. So an offer and its answer, which travel through the relay,
contain the number of the next message: messages with smaller numbers that the relay has not delivered by then were lost
with an earlier channel.
"""

from enum import StrEnum
from typing import Generic, TypeVar

from mobifai.bounds import BoundedMap
from mobifai.errors import EncryptionError, LimitReached

T = TypeVar("T")

SIGNALS = "webrtc:"
"""The prefix of events that are not numbered, because they only negotiate the data channel."""


class Way(StrEnum):
    """A path between a phone and the agent."""

    RELAY = "relay"
    CHANNEL = "channel"

    @property
    def other(self) -> "Way":
        """The other path."""
        return Way.CHANNEL if self is Way.RELAY else Way.RELAY


class Numbering:
    """Numbers the messages that one side sends. `next` is the number of the next message, or None without numbers."""

    def __init__(self) -> None:
        self.next: int | None = None

    def begin(self, *, ordered: bool) -> None:
        """Begin a session. If `ordered`, its messages are numbered from 1; otherwise they have no numbers."""
        self.next = 1 if ordered else None

    def sent(self, event: str) -> None:
        """Count a message that was just sent with the number `next`. Events with the prefix SIGNALS are not counted."""
        if self.next is not None and not event.startswith(SIGNALS):
            self.next += 1

    def take(self, event: str) -> int | None:
        """Return the number of a message that is about to be sent, and count this message (see `sent`)."""
        number = self.next
        self.sent(event)
        return number


class Arrivals(Generic[T]):
    """Puts received messages in order, and holds those that arrive early in `held`."""

    def __init__(self, held: BoundedMap[int, tuple[Way, T]]) -> None:
        self._held = held
        self._next = 1
        self._has_channel = False

    def begin(self) -> None:
        """Begin a session without a data channel: drop the held messages, and expect message 1."""
        self._held.clear()
        self._next = 1
        self._has_channel = False

    def take(self, way: Way, number: int | None, message: T) -> list[T]:
        """Record that `message` arrived. Return the messages that can be processed now. Raises EncryptionError."""
        return [message, *self.ready()] if self.advance(number) else self.hold(way, number, message)

    def advance(self, number: int | None) -> bool:
        """Return whether `number` is that of the next message, and count the message if it is.

        If so, the caller processes the message and then those that `ready` returns. Otherwise the caller calls `hold`.
        """
        if number != self._next:
            return False
        self._next += 1
        return True

    def ready(self) -> list[T]:
        """Return the held messages that can be processed now."""
        return [*self._following(), *self._without_lost()] if self._held else []

    def hold(self, way: Way, number: int | None, message: T) -> list[T]:
        """Hold a message that is not the next one. Return the messages that can be processed now.

        A message without a number is dropped. Raises EncryptionError if the message is late or repeated, or too many
        are held.
        """
        if number is None:
            return []
        if number < self._next or number in self._held:
            raise EncryptionError(
                f"expected message {self._next} of this session; found {number}, which is late or repeated"
            )
        try:
            self._held[number] = way, message
        except LimitReached as full:
            raise EncryptionError(
                f"expected message {self._next} of this session, for which too many later ones wait: {full}"
            ) from None
        return self._without_lost()

    @property
    def missing_on(self) -> Way | None:
        """The path that carries the missing message, or None if no message is missing."""
        return self._held[min(self._held)][0].other if self._held else None

    def channel_begins(self, number: int | None) -> list[T]:
        """Record that a new data channel begins. Return the messages that can be processed now.

        `number` is the number of the next message, if the other side reports it: missing messages with smaller numbers
        were lost with an earlier channel.
        """
        self._has_channel = True
        found = []
        while self._held and number is not None and min(self._held) < number:
            found += self._skip()
        self._next = max(self._next, number or 0)
        return found + self._following()

    def channel_lost(self) -> list[T]:
        """Stop waiting for messages on a data channel that has ended.

        Return the held messages that can be processed now, because no message before them can arrive any more.
        """
        self._has_channel = False
        return self._without_lost()

    def _without_lost(self) -> list[T]:
        found = []
        while self.missing_on is Way.CHANNEL and not self._has_channel:
            found += self._skip()
        return found

    def _skip(self) -> list[T]:
        """Skip the missing messages before the first held one. Return the held messages that can be processed now."""
        self._next = min(self._held)
        return self._following()

    def _following(self) -> list[T]:
        found = []
        while self._next in self._held:
            found.append(self._held.pop(self._next)[1])
            self._next += 1
        return found
