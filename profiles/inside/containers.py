"""Records the lengths of all lists, dictionaries, sets and deques of this process at the end of each window.

Lengths are stored by the container's address, without references to the container. A container that gets shorter is
dropped. This code runs while allocations are traced, so it allocates as little as possible.
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
"""The last window in which tracking of a container can begin, counted from the base, which is window 0."""
MOST: Final = 200_000
"""Maximum number of containers that are tracked."""


@dataclass(slots=True)
class LengthHistory:
    """The lengths of one container at the end of each window (`points`), and its type (`kind`).

    If an object of another type is at the container's address later, the container no longer exists.
    """

    kind: type
    points: "array[int]"  # not a list: lists are tracked themselves


class ContainerTracker:
    """Tracks the lengths of all containers of the process. Call `take_window` for the base and after each window.

    `growing` has the histories of those that have become longer, by address. The profiler's own containers are among
    them; `AllocationTracer.examine` leaves them out.
    """

    def __init__(self) -> None:
        self.at_base: dict[int, int] = {}  # bounded by MOST
        """The lengths at the base (the first measurement), by the container's address."""
        self.growing: dict[int, LengthHistory] = {}  # bounded by MOST
        self.windows = 0

    def take_window(self) -> None:
        """Record the lengths of all containers at the end of a window, and drop those that got shorter or are gone.

        The first call records the base.
        """
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
        """Record the length of the container `thing` in this window.

        The tracking of a container begins when it is longer than at the base, in window `LATEST_START` or earlier. If a
        tracked container has become shorter, no length is recorded, and `take_window` drops the container.
        """
        known, length = self.growing.get(address), len(thing)
        if known is None:
            before = self.at_base.get(address)
            if before is not None and length > before and self.windows <= LATEST_START:
                self.growing[address] = LengthHistory(type(thing), array("q", [*([before] * self.windows), length]))
        elif known.kind is type(thing) and length >= known.points[-1] and len(known.points) == self.windows:
            known.points.append(length)


def find_containers(addresses: set[int]) -> dict[int, Any]:
    """Return the containers that exist at these addresses, by address."""
    return {
        id(thing): thing for thing in containers_among(gc.get_objects() if addresses else []) if id(thing) in addresses
    }


def containers_among(things: Sequence[Any]) -> list[Any]:
    """Return the containers among `things`, and untracked dictionaries to which `things` refer.

    The garbage collector does not track a dictionary that contains only texts and numbers, so `gc.get_objects` does not
    return it.
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
"""Types that are skipped, because their objects refer to no untracked dictionary that grows."""
