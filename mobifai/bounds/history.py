"""The history of a conversation: its first entry and its newest entries, with limits on their number and their size.

The first entry is never evicted. The others are evicted in groups, oldest first, so that entries that belong together
(an answer and its results) are evicted together. The last group, which may be incomplete, is never evicted.
"""

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from mobifai.bounds.ledger import Bound
from mobifai.errors import LimitReached

T = TypeVar("T")


class History(Generic[T]):
    """Keeps at most `items.capacity` entries with a total size of at most `size.capacity`.

    `measure` returns the size of an entry. The entries after the first form groups of `group` entries.
    """

    def __init__(self, items: Bound, size: Bound, measure: Callable[[T], int], group: int = 2) -> None:
        self._items = items
        self._size = size
        self._measure = measure
        self._group = group
        self._entries: list[T] = []
        self._sizes: list[int] = []

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[T]:
        return iter(self._entries)

    @property
    def size(self) -> int:
        """The total size of all entries, in the unit of `measure`."""
        return sum(self._sizes)

    def append(self, entry: T) -> int:
        """Append an entry. Return how many entries were evicted to make room for it.

        Raises LimitReached if it does not fit; the history is unchanged then.
        """
        size = self._measure(entry)
        gone = self._to_evict(size)
        if self.size + size > self._size.capacity:
            self._size.evicted(sum(self._sizes[1 : 1 + gone]))
        del self._entries[1 : 1 + gone], self._sizes[1 : 1 + gone]
        self._entries.append(entry)
        self._sizes.append(size)
        self._items.evicted(gone)
        self._count()
        return gone

    def _to_evict(self, size: int) -> int:
        whole_groups = max(0, len(self._entries) - 1) // self._group
        for gone in range(0, whole_groups * self._group + 1, self._group):
            fits = len(self._entries) - gone < self._items.capacity
            if fits and self.size - sum(self._sizes[1 : 1 + gone]) + size <= self._size.capacity:
                return gone
        raise self._refusal(size)

    def _refusal(self, size: int) -> LimitReached:
        full = self._items if self._items.capacity <= self._group else self._size
        return full.refuse(f"one more entry of size {size}")

    def rewrite(self, change: Callable[[T], T]) -> None:
        """Replace each entry by `change(entry)`, which must not be larger than the original."""
        self._entries = [change(entry) for entry in self._entries]
        self._sizes = [self._measure(entry) for entry in self._entries]
        self._count()

    def clear(self) -> None:
        """Remove all entries."""
        self._entries.clear()
        self._sizes.clear()
        self._count()

    def _count(self) -> None:
        self._items.set(len(self._entries))
        self._size.set(self.size)
