"""A first-in, first-out queue of items with a limited length."""

from collections import deque
from typing import Generic, TypeVar

from mobifai.bounds.ledger import Bound
from mobifai.limits import WhenFull

T = TypeVar("T")


class ItemQueue(Generic[T]):
    """A queue that, when full, drops its oldest item or raises LimitReached, as its limit declares."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound
        self._items: deque[T] = deque()

    def __len__(self) -> int:
        return len(self._items)

    def append(self, item: T) -> None:
        """Append an item. If the queue is full, drop its oldest item or raise LimitReached, as its limit declares."""
        if len(self._items) >= self._bound.capacity:
            if self._bound.limit.when_full is not WhenFull.EVICT_OLDEST:
                raise self._bound.refuse("one more")
            self._items.popleft()
            self._bound.evicted(1)
        self._items.append(item)
        self._bound.set(len(self._items))

    def take(self) -> T:
        """Remove and return the oldest item. Raises IndexError if the queue is empty."""
        item = self._items.popleft()
        self._bound.set(len(self._items))
        return item

    def clear(self) -> None:
        """Remove all items."""
        self._items.clear()
        self._bound.set(0)
