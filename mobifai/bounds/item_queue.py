"""Things that wait, first in first out, up to a declared number."""

from collections import deque
from typing import Generic, TypeVar

from mobifai.bounds.ledger import Bound
from mobifai.limits import WhenFull

T = TypeVar("T")


class ItemQueue(Generic[T]):
    """At capacity the oldest one goes, or the new one is refused with LimitReached, as the limit declares."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound
        self._items: deque[T] = deque()

    def __len__(self) -> int:
        return len(self._items)

    def append(self, item: T) -> None:
        """Add one at the end. Raises LimitReached."""
        if len(self._items) >= self._bound.capacity:
            if self._bound.limit.when_full is not WhenFull.EVICT_OLDEST:
                raise self._bound.refuse("one more")
            self._items.popleft()
            self._bound.evicted(1)
        self._items.append(item)
        self._bound.set(len(self._items))

    def take(self) -> T:
        """Take the oldest one. Raises IndexError when there is none."""
        item = self._items.popleft()
        self._bound.set(len(self._items))
        return item

    def clear(self) -> None:
        """Drop all."""
        self._items.clear()
        self._bound.set(0)
