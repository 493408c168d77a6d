"""Has libraries do now what they do only now and then, so that what is counted next is what stays.

Everything here is bounded by the library itself and comes and goes like a saw's teeth, in which a leak of one object in
five cycles would be hidden. Never touches the product's own containers.
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
"""A bounded cache with fewer entries is left alone: it may be somebody's way to make a thing only once."""

PURE = ("yarl.",)
"""Modules whose caches are emptied whatever they hold: nothing in them is made only once."""

CURSORS = 400
"""sqlite3 drops the weak references to a connection's dead cursors with every 200th new one (Modules/_sqlite)."""


def tidy() -> None:
    """Empty what is bounded: caches of functions, methods, addresses, cursors. Unbounded ones stay as they are.

    CPython's method cache keeps the last 4,096 names that it was asked for, and names that C code creates each time
    fill it ever more slowly (Objects/typeobject.c).
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
    """How objects of this type are tidied; None for those that are left alone."""
    if issubclass(kind, functools._lru_cache_wrapper):
        return _empty
    if kind is sqlite3.Connection:
        return _forget_cursors
    return _empty_addresses if (kind.__module__, kind.__name__) == ("uvloop.loop", "LruCache") else None


def _empty(cache: "functools._lru_cache_wrapper[object]") -> None:
    information = cache.cache_info()
    if information.maxsize is None:
        return
    if information.currsize >= ENTRIES or cache.__module__.startswith(PURE):
        cache.cache_clear()


def _empty_addresses(cache: object) -> None:
    """Uvloop remembers the last 2,048 addresses that datagrams went to (uvloop/dns.pyx)."""
    for inner in gc.get_referents(cache):
        if isinstance(inner, collections.OrderedDict):
            inner.clear()


def _forget_cursors(connection: sqlite3.Connection) -> None:
    """Make cursors until the connection has just dropped the dead ones."""
    with contextlib.suppress(sqlite3.Error):  # of another thread, or closed
        for _ in range(CURSORS):
            if _dead_cursors(connection) <= 1:
                return
            connection.cursor()


def _dead_cursors(connection: sqlite3.Connection) -> int:
    kept = (found for found in gc.get_referents(connection) if type(found) is list)
    return sum(type(entry) is weakref.ref and entry() is None for entries in kept for entry in entries)
