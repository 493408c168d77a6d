"""Records the lengths of all lists, dictionaries, sets and deques of a process at the end of each window.

Keeps the lengths by address, and no references to the containers. A container that gets shorter is dropped. This code
runs while allocations are traced, so it allocates as little as possible.
"""

import collections
import gc
import types
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from profiles.inside.retainers import referents

KINDS: Final = (list, dict, set, collections.deque)
LATEST_START: Final = 3
"""Number of windows after which new containers are no longer tracked."""
MOST: Final = 200_000
"""Maximum number of containers that are tracked."""


@dataclass(slots=True)
class LengthHistory:
    """The lengths of one container at the end of each window.

    Its type is kept to notice that another container has taken its address.
    """

    kind: type
    points: "array[int]"  # not a list: lists are tracked themselves


class ContainerTracker:
    """Tracks the lengths of all containers of the process, including the profiler's.

    `AllocationTracer.examine` leaves out those of the profiler.
    """

    def __init__(self) -> None:
        self.at_base: dict[int, int] = {}  # bounded by MOST
        """The lengths at the base, the first measurement."""
        self.growing: dict[int, LengthHistory] = {}  # bounded by MOST
        self.windows = 0

    def take_window(self) -> None:
        """End a window: record the lengths of all containers, and drop those that got shorter."""
        note = self._follow if self.windows else self._note
        for thing in containers_among(gc.get_objects()):
            note(id(thing), thing)
        self.windows += 1
        if self.windows > 1:
            for address in [key for key, one in self.growing.items() if len(one.points) < self.windows]:
                del self.growing[address]

    def _note(self, address: int, thing: Any) -> None:
        if len(self.at_base) < MOST:
            self.at_base[address] = len(thing)

    def _follow(self, address: int, thing: Any) -> None:
        """Record the length of the container `thing` for this window.

        Tracking begins in one of the first windows, when the container is longer than at the base. If it gets shorter,
        it has no length for the window, and `take_window` drops it.
        """
        known, length = self.growing.get(address), len(thing)
        if known is None:
            before = self.at_base.get(address)
            if before is not None and length > before and self.windows <= LATEST_START:
                self.growing[address] = LengthHistory(type(thing), array("q", [*([before] * self.windows), length]))
        elif known.kind is type(thing) and length >= known.points[-1] and len(known.points) == self.windows:
            known.points.append(length)


def find_containers(addresses: set[int]) -> dict[int, Any]:
    """Return the containers at these addresses that still exist."""
    return {
        id(thing): thing for thing in containers_among(gc.get_objects() if addresses else []) if id(thing) in addresses
    }


def containers_among(things: Sequence[Any]) -> list[Any]:
    """Return the containers among `things`, and the dictionaries below them that the collector does not track.

    Such dictionaries contain only text and numbers.
    """
    found, is_tracked = [], gc.is_tracked
    for thing in things:
        kind = type(thing)
        if kind in _PLAIN:
            continue
        if not issubclass(kind, KINDS):
            inner: Any = referents(thing)
        else:
            found.append(thing)
            inner = thing.values() if kind is dict else ()
        try:
            for one in inner:
                if type(one) is dict and not is_tracked(one):
                    found.append(one)
        except RuntimeError:  # the program changed it during the iteration
            continue
    return found


_PLAIN: Final = frozenset(
    {
        *(type, tuple, types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.CellType, types.CodeType),
        *(types.FrameType, types.GetSetDescriptorType, types.MemberDescriptorType, types.MethodDescriptorType),
        *(types.WrapperDescriptorType, types.ClassMethodDescriptorType, types.MethodWrapperType, property),
        *(staticmethod, classmethod),
    }
)
"""Types whose objects hold no growing dictionary that the collector does not track."""
