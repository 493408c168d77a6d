"""Counts live memory by allocation site at the end of each window, with tracemalloc.

Owns the histories of the sites. Memory that was allocated before the tracing began is unknown.

Uses private functions of tracemalloc where the public ones are not enough. `tracemalloc.take_snapshot` copies every
trace into new objects, which is too slow and too large for a running agent. No public function returns the stack that
allocated the memory at an address.
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
"""An allocation site: the responsible line of a stack, and the innermost line, which allocates."""

LATEST_START: Final = 3
"""The last window in which tracking of a new site can begin, counted from the base, which is window 0.

A site that appears later has not grown steadily since the base.
"""

MOST_SITES: Final = 20_000
"""Maximum number of sites that are tracked at the same time."""


@dataclass(slots=True)
class SiteHistory:
    """The live blocks and bytes of an allocation site at the end of each window.

    `stack` is the stack that had allocated most of its blocks at the end of the last window.
    """

    blocks: "array[int]"  # not a list: lists are tracked as containers
    bytes: "array[int]"
    stack: Stack = ()


class SiteTracker:
    """Tracks the live memory of all allocation sites. Call `take_window` at the end of each window.

    `histories` has the sites that still have live memory.
    """

    def __init__(self) -> None:
        self.histories: dict[SiteKey, SiteHistory] = {}  # bounded by MOST_SITES
        self.windows = 0

    def take_window(self) -> None:
        """Append the live blocks and bytes of each site to its history, at the end of a window.

        Sites without live memory are dropped.
        """
        found, stacks = _living()
        for site, (blocks, size) in found.items():
            history = self.histories.get(site)
            if history is None:
                if self.windows > LATEST_START or len(self.histories) >= MOST_SITES:
                    continue
                history = self.histories[site] = SiteHistory(
                    array("q", [0] * self.windows), array("q", [0] * self.windows)
                )
            history.blocks.append(blocks)
            history.bytes.append(size)
            history.stack = stacks[site]
        self.windows += 1
        self._prune()

    def _prune(self) -> None:
        """Drop sites without live memory, because they do not leak."""
        for site in [site for site, history in self.histories.items() if len(history.blocks) < self.windows]:
            del self.histories[site]


def _living() -> tuple[dict[SiteKey, tuple[int, int]], dict[SiteKey, Stack]]:
    traces: Any = _tracemalloc._get_traces()  # the data of a snapshot; equal stacks are the same object
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
    """Return the allocation site that a stack belongs to. Raises IndexError for an empty stack."""
    return responsible_frame(stack), without_wrappers(stack)[0]


def allocation_stack(thing: object) -> Stack:
    """Return the stack that allocated an object, or () if the allocation was not traced or tracing is off.

    CPython 3.11's own `tracemalloc.get_object_traceback` looks at the wrong address if the object's type has a managed
    dictionary. This function returns the right stack for such an object too.
    """
    traceback = tracemalloc.get_object_traceback(thing)
    found = tuple((frame.filename, frame.lineno) for frame in reversed(traceback or ()))  # the innermost first
    if not found and _IS_3_11 and type(thing).__flags__ & _MANAGED_DICT:
        return _stack_at(id(thing) - _PRE_HEADER)
    return found


_IS_3_11: Final = sys.version_info[:2] == (3, 11)
_MANAGED_DICT: Final = 1 << 4
"""Py_TPFLAGS_MANAGED_DICT (Include/object.h)."""
_PRE_HEADER: Final = 32
"""In CPython 3.11, the number of bytes in front of an object whose type has a managed dictionary.

They hold the object's dictionary, its values, and the garbage collector's header (Objects/typeobject.c).
"""


def _stack_at(address: int) -> Stack:
    """Return the stack that allocated the memory block at `address`, or () if that allocation was not traced."""
    ask = getattr(ctypes.pythonapi, "_PyTraceMalloc_GetTraceback", None)
    if ask is None or not tracemalloc.is_tracing():
        return ()
    ask.argtypes, ask.restype = [ctypes.c_uint, ctypes.c_size_t], ctypes.py_object
    frames = ask(0, address)
    return tuple((str(file), int(line)) for file, line in frames) if frames else ()


# -- the storage of containers, which is a block of its own

_STORAGE: Final = {"list": 24, "dict": 32, "set": 40, "deque": 32, "bytearray": 32}
"""For each type of container, the offset in bytes of the pointer to its storage, the memory block of its elements.

The offsets are those of Include/cpython/{list,dict,set,bytearray}object.h and Modules/_collectionsmodule.c, and are the
same in CPython 3.11 to 3.14. With a wrong offset, no stack would be found.
"""


def storage_stack(container: object) -> Stack:
    """Return the stack that last resized a container, and thus allocated its storage, or () if unknown.

    It is unknown if the resize was not traced, or for another type than those in `_STORAGE`.
    """
    kind = next((kind.__name__ for kind in type(container).__mro__ if kind.__name__ in _STORAGE), "")
    return _stack_at(ctypes.c_size_t.from_address(id(container) + _STORAGE[kind]).value) if kind else ()
