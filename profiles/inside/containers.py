"""Containers that only ever get longer: every list, dictionary, set and deque of a process, by length, from window to
window.

Owns the lengths, by address; never the containers. A container that once got shorter is forgotten. It runs while every
allocation is traced, so it makes as few as it can.
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
"""What gets longer only in a later window is not followed any more."""
MOST: Final = 200_000
"""Containers that are followed."""


@dataclass(slots=True)
class LengthHistory:
    """One container's course, and what it is: addresses are used again."""

    kind: type
    points: "array[int]"  # no list: those are followed themselves


class ContainerTracker:
    """All of them, those of what measures too: who names them leaves those out."""

    def __init__(self) -> None:
        self.at_base: dict[int, int] = {}  # bounded by MOST
        """The length of each at the first window."""
        self.growing: dict[int, LengthHistory] = {}  # bounded by MOST
        self.windows = 0

    def look(self) -> None:
        """Take a window."""
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
        """Note its length, once; what is not noted is forgotten at the end of the window."""
        known, length = self.growing.get(address), len(thing)
        if known is None:
            before = self.at_base.get(address)
            if before is not None and length > before and self.windows <= LATEST_START:
                self.growing[address] = LengthHistory(type(thing), array("q", [*([before] * self.windows), length]))
        elif known.kind is type(thing) and length >= known.points[-1] and len(known.points) == self.windows:
            known.points.append(length)


def find_containers(addresses: set[int]) -> dict[int, Any]:
    """The containers at these addresses that still live."""
    return {
        id(thing): thing for thing in containers_among(gc.get_objects() if addresses else []) if id(thing) in addresses
    }


def containers_among(things: Sequence[Any]) -> list[Any]:
    """The containers among objects, and those below them of text and numbers alone, which the collector leaves out."""
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
        except RuntimeError:  # it changed meanwhile: the program goes on
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
"""Types whose objects hold no dictionary of text and numbers that could grow."""
