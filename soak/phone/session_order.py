"""The order of messages in a phone's encrypted sessions. Owns the order of the current session."""

from collections.abc import Callable
from typing import Generic, TypeVar

from mobifai.bounds import Ledger
from mobifai.errors import EncryptionError
from mobifai.protocol.order import Numbering, Way
from mobifai.session.ordering import Ordering

T = TypeVar("T")


class SessionOrder(Generic[T]):
    """Calls `handle` with each received message, in the order in which the agent sent the messages.

    `lost` is called when messages on the data channel are lost. `broken` is called with the reason when a message comes
    too late or twice, when too many messages are waiting, or when the relay holds messages back. After `broken`, no
    message of the session is handled.
    """

    def __init__(self, handle: Callable[[T], None], lost: Callable[[], None], broken: Callable[[str], None]) -> None:
        self._handle = handle
        self._lost = lost
        self._broken = broken
        self._order: Ordering[T] | None = None
        self._is_ordered = False
        self.numbering = Numbering()

    @property
    def is_on(self) -> bool:
        """Whether the messages of the session have an order, even if it is broken by now."""
        return self._is_ordered

    def begin(self, *, ordered: bool) -> None:
        """Begin a new session, which replaces the current one. Its messages have an order if `ordered` is set."""
        self._end()
        self._is_ordered = ordered
        self.numbering.begin(ordered=ordered)
        self._order = Ordering(Ledger(), self._missing) if ordered else None

    def _end(self) -> None:
        if self._order is not None:
            self._order.close()
        self._order = None

    def came(self, way: Way, number: int | None, message: T) -> None:
        """Process a received message. It is handled once all messages before it have been handled.

        `way` is the transport by which it came, and `number` its sequence number. A message without a number is
        dropped.
        """
        if self._order is None:
            return
        try:
            ready = self._order.arrivals.take(way, number, message)
        except EncryptionError as error:
            self._break(str(error))
        else:
            self._handle_all(ready)

    def channel_begins(self, number: int | None) -> None:
        """Record that a new data channel carries messages from sequence number `number` on; None if it is unknown."""
        if self._order is not None:
            self._handle_all(self._order.arrivals.channel_begins(number))

    def channel_ended(self) -> None:
        """Record that the data channel is closed."""
        if self._order is not None:
            self._handle_all(self._order.arrivals.channel_lost())

    def _missing(self, way: Way) -> None:
        if way is Way.RELAY:
            self._break("the relay holds messages back")
        else:
            self._lost()
            self.channel_ended()

    def _break(self, reason: str) -> None:
        self._end()
        self._broken(reason)

    def _handle_all(self, ready: list[T]) -> None:
        if self._order is not None:
            self._order.watch(progressed=bool(ready))
        for message in ready:
            self._handle(message)
