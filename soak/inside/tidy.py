"""Empties caches of libraries, so that the next count contains only objects that stay.

Each of these caches is bounded by its library. Such a cache grows until it is emptied, which would hide a leak of one
object in five cycles. MobiFai's own containers are never touched.
"""

import collections
import contextlib
import functools
import gc
import sqlite3
import sys
import weakref
from collections.abc import Callable
from typing import Any

ENTRIES = 2
"""Least number of entries with which a bounded cache is emptied.

A cache with a single entry may exist to create an object only once.
"""

PURE = ("yarl.",)
"""Beginnings of names of modules whose bounded caches are emptied even with fewer than ENTRIES entries."""

CURSORS = 400
"""Most cursors to create. With every 200th new cursor, sqlite3 drops weak references to dead ones (Modules/_sqlite)."""


LRU_CACHE = type(functools.lru_cache(str))
"""The type of the functions that `functools.lru_cache` returns."""


def tidy() -> None:
    """Empty bounded caches: those of functions, CPython's method cache, and those of addresses and cursors.

    The method cache keeps the last 4,096 names that were looked up. C code that creates a name for each lookup fills it
    slowly (Objects/typeobject.c). Unbounded caches are not changed.
    """
    sys._clear_type_cache()
    known: dict[type, Callable[[Any], None] | None] = {}  # bounded by the types
    for found in gc.get_objects():
        kind = type(found)
        if kind not in known:
            known[kind] = _way(kind)
        if (way := known[kind]) is not None:
            way(found)


def _way(kind: type) -> Callable[[Any], None] | None:
    """Return the function that empties caches of the type `kind`, or None for other types."""
    if issubclass(kind, LRU_CACHE):
        return _empty
    if kind is sqlite3.Connection:
        return _forget_cursors
    return _empty_addresses if (kind.__module__, kind.__name__) == ("uvloop.loop", "LruCache") else None


def _empty(cache: Any) -> None:
    """Empty the cache of a function if it is bounded, and has at least ENTRIES entries or belongs to a PURE module."""
    information = cache.cache_info()
    if information.maxsize is None:
        return
    if information.currsize >= ENTRIES or cache.__module__.startswith(PURE):
        cache.cache_clear()


def _empty_addresses(cache: object) -> None:
    """Empty uvloop's cache of the last 2,048 addresses of datagrams (uvloop/dns.pyx)."""
    for inner in gc.get_referents(cache):
        if isinstance(inner, collections.OrderedDict):
            inner.clear()


def _forget_cursors(connection: sqlite3.Connection) -> None:
    """Create cursors until the connection has dropped its references to dead cursors."""
    with contextlib.suppress(sqlite3.Error):  # the connection is closed, or belongs to another thread
        for _ in range(CURSORS):
            if _dead_cursors(connection) <= 1:
                return
            connection.cursor()


def _dead_cursors(connection: sqlite3.Connection) -> int:
    kept = (found for found in gc.get_referents(connection) if type(found) is list)
    return sum(type(entry) is weakref.ref and entry() is None for entries in kept for entry in entries)
