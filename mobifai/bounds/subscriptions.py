"""Listeners of one source. Subscribing is a scope that ends."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, ParamSpec

from mobifai.bounds.ledger import Bound

P = ParamSpec("P")


class Subscriptions(Generic[P]):
    """At most `capacity` callbacks, called in the order in which they came."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound
        self._callbacks: dict[int, Callable[P, None]] = {}
        self._next = 0

    def __len__(self) -> int:
        return len(self._callbacks)

    @contextmanager
    def subscribe(self, callback: Callable[P, None]) -> Iterator[None]:
        """Call `callback` for every event of this scope's lifetime. Raises LimitReached."""
        if len(self._callbacks) >= self._bound.capacity:
            raise self._bound.refuse("one more listener")
        key, self._next = self._next, self._next + 1
        self._callbacks[key] = callback
        self._bound.set(len(self._callbacks))
        try:
            yield
        finally:
            del self._callbacks[key]
            self._bound.set(len(self._callbacks))

    def notify(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Call every listener that is subscribed now; one whose scope ends meanwhile is not called any more."""
        for key in list(self._callbacks):
            callback = self._callbacks.get(key)
            if callback is not None:
                callback(*args, **kwargs)
