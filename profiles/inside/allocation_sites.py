"""Where living memory was allocated, by tracemalloc: counted by site, from window to window.

Owns the courses of the sites, which are bounded by the lines of the program. Only memory that was allocated while
tracing is known.
"""

import _tracemalloc
import ctypes
import sys
import tracemalloc
from array import array
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from profiles.attribution.frames import Frame, Stack, is_profiler_stack, responsible_frame, without_wrappers

SiteKey: TypeAlias = tuple[Frame, Frame]
"""The line to blame, and the innermost line."""

LATEST_START: Final = 3
"""A site that is first seen in a later window has not risen since the base, and is not followed."""

MOST_SITES: Final = 20_000
"""Followed at one time."""


@dataclass(slots=True)
class SiteHistory:
    """Blocks and bytes at each window. `stack`: the one that most of the newest blocks have."""

    blocks: "array[int]"  # no lists: those are followed as containers
    bytes: "array[int]"
    stack: Stack = ()


class SiteTracker:
    """All sites. A window is one look at everything that lives."""

    def __init__(self) -> None:
        self.courses: dict[SiteKey, SiteHistory] = {}  # bounded by MOST_SITES
        self.windows = 0

    def look(self) -> None:
        """Take a window."""
        found, stacks = _living()
        for site, (blocks, size) in found.items():
            course = self.courses.get(site)
            if course is None:
                if self.windows > LATEST_START or len(self.courses) >= MOST_SITES:
                    continue
                course = self.courses[site] = SiteHistory(
                    array("q", [0] * self.windows), array("q", [0] * self.windows)
                )
            course.blocks.append(blocks)
            course.bytes.append(size)
            course.stack = stacks[site]
        self.windows += 1
        self._prune()

    def _prune(self) -> None:
        """Forget what is gone: it is not what only ever rises."""
        for site in [site for site, course in self.courses.items() if len(course.blocks) < self.windows]:
            del self.courses[site]


def _living() -> tuple[dict[SiteKey, tuple[int, int]], dict[SiteKey, Stack]]:
    traces: Any = _tracemalloc._get_traces()  # what a snapshot is made of; equal stacks are one object
    amounts: dict[int, int] = {}
    sizes: dict[int, int] = {}
    unique: dict[int, Stack] = {}
    for trace in traces:
        key = id(trace[2])
        if key in amounts:
            amounts[key] += 1
            sizes[key] += trace[1]
        else:
            amounts[key], sizes[key], unique[key] = 1, trace[1], trace[2]
    found: dict[SiteKey, tuple[int, int]] = {}
    largest: dict[SiteKey, int] = {}
    stacks: dict[SiteKey, Stack] = {}
    for key, stack in unique.items():
        if is_profiler_stack(stack):
            continue
        site = site_of(stack)
        before = found.get(site, (0, 0))
        found[site] = before[0] + amounts[key], before[1] + sizes[key]
        if amounts[key] > largest.get(site, 0):
            largest[site], stacks[site] = amounts[key], stack
    return found, stacks


def site_of(stack: Stack) -> SiteKey:
    """Its site. Raises IndexError for an empty stack."""
    return responsible_frame(stack), without_wrappers(stack)[0]


def allocation_stack(thing: object) -> Stack:
    """Where an object was made; () when that was before tracing, or while nothing traces.

    CPython 3.11 looks in the wrong place when the object's type has a managed dictionary (3.12 does not).
    """
    told: Any = _tracemalloc._get_object_traceback(thing)
    found: Stack = told or ()
    if not found and _IS_3_11 and type(thing).__flags__ & _MANAGED_DICT:
        return _stack_at(id(thing) - _PRE_HEADER)
    return found


_IS_3_11: Final = sys.version_info[:2] == (3, 11)
_MANAGED_DICT: Final = 1 << 4
"""Py_TPFLAGS_MANAGED_DICT (Include/object.h)."""
_PRE_HEADER: Final = 32
"""Bytes before such an object in 3.11: its dictionary, its values, and the collector's two (Objects/typeobject.c)."""


def _stack_at(address: int) -> Stack:
    """Where the block at an address was allocated; () when it is not known."""
    ask = getattr(ctypes.pythonapi, "_PyTraceMalloc_GetTraceback", None)
    if ask is None or not tracemalloc.is_tracing():
        return ()
    ask.argtypes, ask.restype = [ctypes.c_uint, ctypes.c_size_t], ctypes.py_object
    frames = ask(0, address)
    return tuple((str(file), int(line)) for file, line in frames) if frames else ()


# -- the storage of containers, which is a block of its own

_STORAGE: Final = {"list": 24, "dict": 32, "set": 40, "deque": 32, "bytearray": 32}
"""Where the address of a container's storage stands in it (Include/cpython/{list,dict,set,bytearray}object.h,
Modules/_collectionsmodule.c; the same in CPython 3.11 to 3.14). A wrong one would only name no stack."""


def storage_stack(container: object) -> Stack:
    """The call by which a container last got larger: its storage was allocated there; () when that is not known."""
    kind = next((kind.__name__ for kind in type(container).__mro__ if kind.__name__ in _STORAGE), "")
    return _stack_at(ctypes.c_size_t.from_address(id(container) + _STORAGE[kind]).value) if kind else ()
