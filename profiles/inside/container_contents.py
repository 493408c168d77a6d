"""Examines what a growing container holds: its newest elements, and the new objects to which these refer.

New objects are those that were allocated while tracing was on. CPython reuses dead tuples, lists and dictionaries
without an allocation that could be traced; such an object counts as new if it did not exist at the base. Keeps no
references to the objects.
"""

import collections
import functools
import gc
import sys
import types
import weakref
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from profiles.attribution.frames import Frame, is_profiler_stack
from profiles.inside.allocation_sites import SiteKey, allocation_stack, site_of, storage_stack
from profiles.inside.retainers import referents

NEWEST: Final = 16
"""Most elements of a container that are examined."""
MOST_OBJECTS: Final = 20_000
"""Most objects that are examined for one container: its newest elements, and the objects to which they refer."""
MOST_SCANNED: Final = 100_000
"""Most elements of a set that are searched for new elements, because a set has no order."""


@dataclass
class ContainerContents:
    """The newest elements of a container, and the new objects to which they refer, as numbers.

    `elements` is the number of the newest elements. `bytes` is the size of the elements and of those objects together,
    and `kinds` and `sites` are their numbers by type and by allocation site. `weak` is true if the elements are weak
    references, which keep nothing alive.
    """

    elements: int = 0
    bytes: int = 0
    kinds: "collections.Counter[str]" = field(default_factory=collections.Counter)
    sites: "collections.Counter[SiteKey]" = field(default_factory=collections.Counter)
    element_sites: "collections.Counter[SiteKey]" = field(default_factory=collections.Counter)
    """The number of the elements alone by allocation site, without the objects below them."""
    weak: bool = False
    of: str = ""
    """The most frequent type of the elements (of a dictionary: of its values)."""

    @property
    def lines(self) -> list[Frame]:
        """The lines that allocated the elements, then those of the objects below them; the most frequent first.

        What an element refers to often comes from elsewhere, and is often more than the element itself.
        """
        ordered = [*self.element_sites.most_common(), *self.sites.most_common()]
        return list(dict.fromkeys(site[0] for site, _ in ordered))


PASSED: Final = (tuple, types.MethodType, types.CellType)
"""Types whose objects are examined even if their allocation was not traced, because they only hold other objects."""


def contents_of(container: Any, at_base: Container[int]) -> ContainerContents:
    """Count the newest elements of a container, and the new objects to which they refer.

    `at_base` has the addresses of the containers that existed at the base. A list or dictionary whose allocation was
    not traced counts as new if its address is not among them.
    """
    held, new = ContainerContents(), list(newest(container))
    held.elements = len(new)
    parts = [part for element in new for part in reversed(element)]  # a value before its key
    kinds = collections.Counter(name_of(type(element[-1])) for element in new)
    held.of = max(kinds, key=lambda kind: kinds[kind], default="")
    held.weak = bool(parts) and any(isinstance(part, weakref.ref) for part in parts)
    seen = {id(new), id(parts), id(container), id(held.__dict__), *map(id, new)}
    _walk(parts, held, seen, at_base)
    return held


def _walk(parts: list[Any], held: ContainerContents, seen: set[int], at_base: Container[int]) -> None:
    """Add the new objects among `parts`, and the new objects to which they refer, to `held`, breadth first.

    `parts` are the elements; of a dictionary, its values and keys.

    Objects of the profiler and older objects are skipped, and the references of these objects are not followed. `seen`
    has the ids of objects to skip.
    """
    waiting = collections.deque((part, True) for part in parts)
    while waiting and len(seen) < MOST_OBJECTS:
        thing, is_element = waiting.popleft()
        stack = allocation_stack(thing)
        if id(thing) in seen or not (_is_new(thing, at_base) if not stack else not is_profiler_stack(stack)):
            continue
        seen.add(id(thing))
        held.bytes += sys.getsizeof(thing, 0)
        held.kinds[name_of(type(thing))] += 1
        for known in (stack, storage_stack(thing)):
            if known:
                held.sites[site_of(known)] += 1
        if stack and is_element:
            held.element_sites[site_of(stack)] += 1
        is_passed = is_element and not stack  # a tuple without a trace stands for its items
        waiting.extend((below, is_passed) for below in referents(thing))


def _is_new(thing: object, at_base: Container[int]) -> bool:
    """Return whether an object counts as new although its allocation was not traced.

    Objects of the types in `PASSED` do, and lists and dictionaries that did not exist at the base (`at_base`).
    """
    return isinstance(thing, PASSED) or (type(thing) in (list, dict) and id(thing) not in at_base)


def newest(container: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the newest elements of a container, at most `NEWEST`, each as a tuple.

    For a dictionary, the tuples are (key, value). For other containers, they are (element,). A set has no order, so any
    elements that were allocated since tracing began are yielded.
    """
    if isinstance(container, dict):
        yield from islice(reversed(container.items()), NEWEST)
    elif isinstance(container, set):
        new = (thing for thing in islice(container, MOST_SCANNED) if allocation_stack(thing))
        yield from ((thing,) for thing in islice(new, NEWEST))
    else:
        yield from ((thing,) for thing in list(container)[-NEWEST:])


CachedFunction: Final[Any] = type(functools.cache(lambda: None))
"""The type of functions that `functools.cache` and `functools.lru_cache` return."""


def cached_function(container: object) -> Frame | None:
    """Return the line that defines a function with `functools.cache`, if `container` is the dictionary of this cache.

    Otherwise return None.
    """
    if type(container) is not dict:
        return None
    for owner in gc.get_referrers(container):
        if isinstance(owner, CachedFunction):
            code = getattr(owner.__wrapped__, "__code__", None)
            return (code.co_filename, code.co_firstlineno) if code is not None else None
    return None


def survivors(sites: set[SiteKey], things: Iterable[Any]) -> dict[SiteKey, Any]:
    """Return one object for each allocation site in `sites`: one of `things` that this site allocated.

    A site that allocated none of `things` is left out.
    """
    found: dict[SiteKey, Any] = {}
    for thing in things:
        stack = allocation_stack(thing)
        if stack and (site := site_of(stack)) in sites:
            found[site] = thing
    return found


def name_of(kind: type) -> str:
    """Return a type's name in the form of soak's gauges: `MODULE.QUALIFIED_NAME`."""
    return f"{kind.__module__}.{kind.__qualname__}"
