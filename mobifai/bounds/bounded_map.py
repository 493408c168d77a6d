"""A dictionary with a limited number of entries."""

from collections.abc import Iterator, MutableMapping
from typing import TypeVar

from mobifai.bounds.ledger import Bound
from mobifai.limits import WhenFull

K = TypeVar("K")
V = TypeVar("V")


class BoundedMap(MutableMapping[K, V]):
    """A dictionary that, when full, evicts its oldest entry or raises LimitReached, as its limit declares."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound
        self._items: dict[K, V] = {}

    @property
    def room(self) -> int:
        """The number of entries that can be added before the map is full."""
        return self._bound.room

    def __getitem__(self, key: K) -> V:
        return self._items[key]

    def __setitem__(self, key: K, value: V) -> None:
        if key not in self._items and len(self._items) >= self._bound.capacity:
            self._make_room()
        self._items[key] = value
        self._bound.set(len(self._items))

    def _make_room(self) -> None:
        if self._bound.limit.when_full is not WhenFull.EVICT_OLDEST:
            raise self._bound.refuse("one more")
        del self._items[next(iter(self._items))]
        self._bound.evicted(1)

    def __delitem__(self, key: K) -> None:
        del self._items[key]
        self._bound.set(len(self._items))

    def __iter__(self) -> Iterator[K]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)
