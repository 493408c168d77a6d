"""The order of a phone's encrypted sessions, one after the other. Owns the order of the present one."""

from collections.abc import Callable
from typing import Generic, TypeVar

from mobifai.bounds import Ledger
from mobifai.errors import EncryptionError
from mobifai.protocol.order import Numbering, Way
from mobifai.session.ordering import Ordering

T = TypeVar("T")


class SessionOrder(Generic[T]):
    """`handle` is called with each message in its turn, `lost` when messages are missing on the data channel, and
    `broken` when they came late or are held back by the relay: nothing of the session is handled after that.
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
        """Whether the session has an order that holds."""
        return self._is_ordered

    def begin(self, *, ordered: bool) -> None:
        """Start a session."""
        self._end()
        self._is_ordered = ordered
        self.numbering.begin(ordered=ordered)
        self._order = Ordering(Ledger(), self._missing) if ordered else None

    def _end(self) -> None:
        if self._order is not None:
            self._order.close()
        self._order = None

    def came(self, way: Way, number: int | None, message: T) -> None:
        """Handle a message in its turn."""
        if self._order is None:
            return
        try:
            ready = self._order.arrivals.take(way, number, message)
        except EncryptionError as error:
            self._break(str(error))
        else:
            self._handle_all(ready)

    def channel_begins(self, number: int | None) -> None:
        """Note that a data channel is about to carry messages from this number on."""
        if self._order is not None:
            self._handle_all(self._order.arrivals.channel_begins(number))

    def channel_ended(self) -> None:
        """Note that the data channel is gone."""
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
