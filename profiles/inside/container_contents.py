"""The contents of a growing container: its newest elements, and new objects below them. Keeps no references.

The walk ends at objects that were allocated before tracing began. CPython reuses dead tuples, lists and dictionaries,
which then have no trace. Reused objects are recognised because they were absent at the base.
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
"""Most elements that are examined."""
MOST_OBJECTS: Final = 20_000
"""Most objects that are examined below the elements."""
MOST_SCANNED: Final = 100_000
"""Most elements of a set that are searched for new elements, because a set has no order."""


@dataclass
class ContainerContents:
    """The newest elements of a container and the new objects below them.

    Has the number of these elements, the bytes of all these objects, and their number by type (`kinds`) and by
    allocation site. `weak`: the elements are weak references, which keep nothing alive.
    """

    elements: int = 0
    bytes: int = 0
    kinds: "collections.Counter[str]" = field(default_factory=collections.Counter)
    sites: "collections.Counter[SiteKey]" = field(default_factory=collections.Counter)
    weak: bool = False
    of: str = ""
    """The most frequent type of the elements (of a dictionary: of its values)."""


PASSED: Final = (tuple, types.MethodType, types.CellType)
"""Types that the walk enters even without a trace, because their objects hold only their own parts."""


def contents_of(container: Any, at_base: Container[int]) -> ContainerContents:
    """Return the newest elements of a container, and the new objects below them.

    `at_base` has the addresses of containers that existed at the base. An untraced container that is not among them
    counts as new.
    """
    held, new = ContainerContents(), list(newest(container))
    held.elements = len(new)
    parts = [part for element in new for part in element]
    kinds = collections.Counter(name_of(type(element[-1])) for element in new)
    held.of = max(kinds, key=lambda kind: kinds[kind], default="")
    held.weak = bool(parts) and any(isinstance(part, weakref.ref) for part in parts)
    seen = {id(new), id(parts), id(container), id(held.__dict__), *map(id, new)}
    _walk(parts, held, seen, at_base)
    return held


def _walk(parts: list[Any], held: ContainerContents, seen: set[int], at_base: Container[int]) -> None:
    """Add `parts` and the objects below them to `held`, breadth first.

    Skipped, with all that is below them, are objects of the profiler, and older objects except those in `PASSED`.
    """
    waiting = collections.deque(parts)
    while waiting and len(seen) < MOST_OBJECTS:
        thing = waiting.popleft()
        stack = allocation_stack(thing)
        if id(thing) in seen or not (_is_new(thing, at_base) if not stack else not is_profiler_stack(stack)):
            continue
        seen.add(id(thing))
        held.bytes += sys.getsizeof(thing, 0)
        held.kinds[name_of(type(thing))] += 1
        for known in (stack, storage_stack(thing)):
            if known:
                held.sites[site_of(known)] += 1
        waiting.extend(referents(thing))


def _is_new(thing: object, at_base: Container[int]) -> bool:
    """Return whether an object without a trace may have been created after the base."""
    return isinstance(thing, PASSED) or (type(thing) in (list, dict) and id(thing) not in at_base)


def newest(container: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the newest elements of a container, at most `NEWEST`, as tuples of one, and those of a dictionary as pairs.

    A set has no order: any elements that were allocated since tracing began take the place of the newest.
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
    """Return the line that defines the function whose `functools.cache` a dictionary belongs to, or None."""
    if type(container) is not dict:
        return None
    for owner in gc.get_referrers(container):
        if isinstance(owner, CachedFunction):
            code = getattr(owner.__wrapped__, "__code__", None)
            return (code.co_filename, code.co_firstlineno) if code is not None else None
    return None


def survivors(sites: set[SiteKey], things: Iterable[Any]) -> dict[SiteKey, Any]:
    """Return for each allocation site in `sites` one of `things` that it allocated, if there is one."""
    found: dict[SiteKey, Any] = {}
    for thing in things:
        stack = allocation_stack(thing)
        if stack and (site := site_of(stack)) in sites:
            found[site] = thing
    return found


def name_of(kind: type) -> str:
    """Return a type's name in the form that soak's gauges use."""
    return f"{kind.__module__}.{kind.__qualname__}"
