"""Finds the causes that explain the evidence (the measurements) of one scenario.

A line that keeps memory is preferred to a line that allocates memory: a line that adds to an ever-growing container is
responsible for everything that the container holds. Pure: source files are read by the functions passed to this module.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from profiles.attribution.frames import Frame, Role, Stack, is_profiler_stack, responsible_frame, role
from profiles.evidence import AllocationSite, Evidence, GrowingContainer, Leftover, NativeAllocation
from profiles.results import CodeLocation, step_of
from soak.gauges.gauge import prefix_of

LocationLookup = Callable[[Frame], CodeLocation]
"""A function that returns the location of a line, with the name of the function around it."""
InsertionLookup = Callable[[str, str], Sequence[int]]
"""A function that gets a file and the name of a container, and returns the numbers of the lines that add to it."""

_ATTRIBUTE: Final = re.compile(r"[.\s](\w+): \w+$")
_IN_C_OBJECT: Final = re.compile(r"\((?!method of )[^()]+\): \w+$")
"""The end of the path to a container that a C object holds, such as uvloop's `(Loop): dict`."""

FAMILIES: Final = {
    "descriptors": ("descriptors", "descriptor"),
    "threads": ("threads", "thread"),
    "tasks": ("tasks", "task"),
    "zombies": ("children", "child"),
    "processes": ("children", "child"),
    "files": ("files", "file"),
    "rows": ("rows", "row"),
    "frozen": ("freezes", "frozen"),
    "garbage": ("debug", "garbage"),
    "children.bytes": ("said", "child-memory"),
}
"""For each family of gauges, two names: the kind of leftovers in `Evidence.left`, and the kind of culprit."""

GARBAGE: Final = ("frozen", "garbage")
"""Kinds of culprits that stop the garbage collector from freeing any garbage.

Such a culprit accounts for all growing memory that no container holds.
"""
ENOUGH: Final = 0.5
"""Smallest share of a gauge's rise that one line must account for to explain the rise."""
SAME_RATE: Final = 0.25
"""Relative difference (0.25 is 25 %) up to which two rates count as equal."""
LEAST_BLOCK: Final = 16
"""Size of the smallest block of the C heap, in bytes."""


@dataclass
class Cause:
    """A line of code that makes memory grow, with the evidence found so far. Each cause becomes a culprit.

    `bytes` and `objects` are rates per cycle, and `path` is what holds the memory. `strength` is the growth, in bytes
    per cycle, of the container with which the cause began.
    """

    kind: str
    frame: Frame
    function: tuple[str, str]
    stack: Stack = ()
    what: str = ""
    bytes: float = 0.0
    objects: float = 0.0
    path: str = ""
    strength: float = 0.0
    measured: float = 0.0
    """Bytes per cycle of the allocation sites that belong to this cause."""
    holds: dict[str, int] = field(default_factory=dict)
    sites: set[int] = field(default_factory=set)
    made_at: list[Frame] = field(default_factory=list)
    explains: list[str] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)
    proofs: set[str] = field(default_factory=set)
    """The kinds of evidence for this cause, such as `container` or `allocation`."""

    def is_above(self, path: str) -> bool:
        """Return whether this cause's container keeps an object alive.

        `path` is the text of the references that lead to the object. It must begin with the path that leads to the
        container. The type with which the container's path ends (`: list`) is not compared.
        """
        return bool(self.path) and path.startswith(self.path.rpartition(": ")[0])


class CauseAnalysis:
    """Finds the causes of the growth in the evidence of one scenario. `solve` adds them to `causes`."""

    def __init__(self, evidence: Evidence, name_line: LocationLookup, adders: InsertionLookup) -> None:
        self._evidence = evidence
        self._adders = adders
        self._name = name_line
        self._sites = {site.id: site for site in evidence.sites}
        self._step = step_of(evidence.scenario)
        self.causes: list[Cause] = []

    def solve(self) -> None:
        """Find all causes of growth: containers, leftovers, calls of C functions, allocations, then the C heap."""
        strong = [one for one in self._evidence.containers if not one.weak]
        for container in sorted(strong, key=lambda one: -one.entries * one.bytes_each):
            self._container(container)
        for name, per_cycle in self._evidence.rising.items():
            self._left(name, per_cycle)
        self._foreign()
        for site in sorted(self._evidence.sites, key=lambda one: -one.bytes):
            self._site(site)
        for row in self._evidence.native:
            self._native(row)
        for cause in self.causes:
            cause.bytes = (
                max(cause.bytes, cause.measured) if cause.kind != "container" else cause.measured or cause.bytes
            )
        for name, per_cycle in self._evidence.rising.items():
            self._explain(name, per_cycle)

    # -- containers

    def _container(self, container: GrowingContainer) -> None:
        frame, stack = self._kept_at(container)
        if frame is None:
            return
        size = container.entries * container.bytes_each
        cause = self._at(frame) or self._new("container", frame, stack)
        cause.sites |= {*container.explains}
        for kind, amount in container.holds.items():
            cause.holds[kind] = cause.holds.get(kind, 0) + amount
        if cause.strength and cause.path:
            cause.evidence.append(f"also kept by {container.path or container.type}, line {frame[1]}")
            return
        cause.strength, cause.path, cause.objects = max(size, 1e-9), container.path, container.entries
        cause.bytes, cause.frame, cause.stack = size, frame, stack
        cause.what = _holding(container)
        cause.made_at = [one for one in container.made_at if one != frame]
        cause.proofs.add("container")
        cause.evidence.append(f"a {container.type} gets {container.entries:.3g} entries longer with each {self._step}")

    def _kept_at(self, container: GrowingContainer) -> tuple[Frame | None, Stack]:
        """Return the line that adds elements to the container, and the stack that adds them.

        The line is None and the stack is () if unknown.
        """
        made = container.made_at[0] if container.made_at else None
        if container.cache is not None:
            inside = (frame for frame in container.made_at if self._function(frame) == self._function(container.cache))
            return next(inside, container.cache), ()
        known = bool(container.grown_at) and not is_profiler_stack(container.grown_at)
        if not known:
            return self._adding(container, made), self._stack_of(made)
        frame = responsible_frame(container.grown_at)
        if made is not None and self._function(frame)[1].endswith("__del__"):
            return made, ()  # the object is resurrected when it is collected: the line that made it is responsible
        if role(frame[0]) is Role.PYTHON or _IN_C_OBJECT.search(container.path):
            # such as `threading._active`, or the readers of uvloop: a line that adds an element may also remove
            # it, so the line that made the elements which stay is responsible
            own = next((one for one in container.made_at if role(one[0]) is Role.OWN), None)
            return own or frame, () if own else container.grown_at
        return frame, container.grown_at

    def _stack_of(self, made: Frame | None) -> Stack:
        """Return the stack that allocates a container's elements at the line `made`.

        It takes the place of the stack that adds the elements, if that one is unknown. The result is () if no
        allocation at that line grows.
        """
        return next((site.stack for site in self._evidence.sites if responsible_frame(site.stack) == made), ())

    def _adding(self, container: GrowingContainer, made: Frame | None) -> Frame | None:
        """Return the line of source code that adds to the attribute which holds the container.

        Lines in the function that allocated the elements come first. If there is not exactly one candidate, return
        `made`, the line that allocated the elements.
        """
        name = _ATTRIBUTE.search(container.path)
        if made is None or name is None:
            return made
        lines = [(made[0], line) for line in self._adders(made[0], name[1])]
        near = [frame for frame in lines if self._function(frame) == self._function(made)]
        return next((some[0] for some in (near, lines) if len(some) == 1), made)

    # -- leftovers

    def _left(self, name: str, per_cycle: float) -> None:
        family = name.partition(":")[0]
        if family not in FAMILIES:
            return
        source, kind = FAMILIES[family]
        expected = per_cycle * self._evidence.cycles
        for row in self._rows(source, name, expected):
            frame = responsible_frame(row.stack)
            cause = self._at(frame) or self._new(kind, frame, row.stack)
            if cause.kind == "container" or kind in GARBAGE:
                cause.kind = kind
            if kind in GARBAGE:
                cause.frame, cause.stack = frame, row.stack
            cause.what = cause.what or row.what
            cause.objects = cause.objects or per_cycle
            cause.bytes = per_cycle if family == "children.bytes" else cause.bytes
            cause.explains.append(name)
            cause.proofs.update({source, "count"})
            cause.evidence.append(
                f"{row.count:,} {row.what or kind} from line {frame[1]}; {name} rose by {per_cycle:.3g} a cycle"
            )

    def _rows(self, source: str, name: str, expected: float) -> list[Leftover]:
        """Return the leftover of the kind `source` that explains the rise of the gauge `name`, in a list.

        `expected` is the gauge's rise in all cycles together. If several leftovers explain enough of the rise, the most
        frequent one is returned. If none does, the list is empty.
        """
        rows = self._evidence.left.get(source, [])
        if source == "rows":
            rows = [row for row in rows if row.what == name.rpartition("/")[2]]
        if source == "children" and name.startswith("zombies"):
            rows = [row for row in rows if row.what == "zombie"]
        if source == "children" and not rows:
            rows = self._evidence.left.get("started", [])
        known = [row for row in rows if self._is_enough(source, row, expected)]
        return sorted(known, key=lambda row: -row.count)[:1]

    @staticmethod
    def _is_enough(source: str, row: Leftover, expected: float) -> bool:
        return source in ("freezes", "said", "debug") or row.count >= ENOUGH * expected

    # -- calls of C functions

    def _foreign(self) -> None:
        """Add causes for calls through ctypes that allocate or map memory, or increase reference counts."""
        heap, cycles = self._evidence.rising.get("heap.bytes", 0.0), max(1, self._evidence.cycles)
        for row in self._evidence.left.get("allocated", []):
            if heap and row.count / cycles * LEAST_BLOCK <= heap / ENOUGH:
                cause = self._called(row, "heap.bytes")
                cause.bytes = max(cause.bytes, heap)
        calls = self._evidence.left.get("foreign", [])
        released = sum(row.count for row in calls if row.what == "Py_DecRef")
        for row in calls:
            if row.what == "mmap" and "maps" in self._evidence.rising:
                self._called(row, "maps")
            if row.what == "Py_IncRef" and row.count > released and self._evidence.sites:
                self._called(row, "python.blocks")

    def _called(self, row: Leftover, explains: str) -> Cause:
        frame = responsible_frame(row.stack)
        cause = self._at(frame) or self._new("native", frame, row.stack)
        cause.what = cause.what or f"{row.what} through ctypes"
        cause.objects = cause.objects or row.count / max(1, self._evidence.cycles)
        cause.explains.append(explains)
        cause.proofs.add("call")
        cause.evidence.append(f"{row.what} was called {row.count:,} times at line {frame[1]} without its counterpart")
        return cause

    # -- allocations

    def _site(self, site: AllocationSite) -> None:
        frame = responsible_frame(site.stack)
        cause = self._claiming(site) or self._at(frame) or self._on(site.stack)
        if cause is None:
            cause = self._new("allocation", frame, site.stack)
            cause.path, cause.what = site.path, site.type
        cause.measured += site.bytes
        if cause.kind == "allocation":
            cause.objects += site.blocks
            cause.holds.setdefault(site.type, 1)
        if frame != cause.frame and frame not in cause.made_at:
            cause.made_at.append(frame)
        if "allocation" not in cause.proofs:
            cause.proofs.add("allocation")
            amount = f"{site.bytes:.3g} bytes" if site.bytes else f"{site.blocks:.3g} blocks"
            cause.evidence.append(f"memory from line {frame[1]} rises by {amount} with each {self._step}")

    def _claiming(self, site: AllocationSite) -> Cause | None:
        """Return the cause that keeps the memory of an allocation site, or None.

        That is a cause whose container holds the memory, or else a cause that stops the collection of garbage.
        """
        holding = (one for one in self.causes if site.id in one.sites or one.is_above(site.path))
        first = max(holding, key=lambda one: one.strength, default=None)
        return first or next((one for one in self.causes if one.kind in GARBAGE), None)

    def _on(self, stack: Stack) -> Cause | None:
        """Return the first cause whose function is on the stack, or None. Only MobiFai's own functions count."""
        functions = {self._function(frame) for frame in stack if role(frame[0]) is Role.OWN}
        return next((one for one in self.causes if one.function in functions and one.function[1]), None)

    def _native(self, row: NativeAllocation) -> None:
        frame = responsible_frame(row.stack)
        cause = self._at(frame) or self._on(row.stack)
        if cause is None:
            cause = self._new("native", frame, row.stack)
            cause.what = row.functions[0] if row.functions else "C heap"
            cause.objects, cause.bytes = row.blocks, row.bytes
            cause.explains.append("heap.bytes")
        cause.proofs.add("native")
        below = f", in {' < '.join(row.functions[:3])}" if row.functions else ""
        cause.evidence.append(f"memray: each {self._step} leaves {row.bytes:.3g} bytes of the C heap allocated{below}")

    # -- the gauges

    def _explain(self, name: str, per_cycle: float) -> None:
        """Add the gauge `name` to `Cause.explains` of each cause that accounts for the gauge's rise.

        `per_cycle` is that rise.
        """
        if prefix_of(name):  # a gauge of a process that was not examined
            return
        for cause in self.causes:
            if name not in cause.explains and self._explains(cause, name, per_cycle):
                cause.explains.append(name)

    @staticmethod
    def _explains(cause: Cause, name: str, per_cycle: float) -> bool:
        family, _, member = name.partition(":")
        if cause.kind in GARBAGE:
            return family in ("types", "canaries", "python.blocks", "heap.bytes", *GARBAGE)
        if family in ("types", "canaries"):
            return member in cause.holds or _is_alike(cause.objects, per_cycle)
        if family == "python.blocks":
            return cause.objects > 0 and cause.kind in (
                "container",
                "allocation",
                "thread",
                "task",
                "descriptor",
                "frozen",
            )
        if family == "heap.bytes":
            return cause.bytes >= ENOUGH * per_cycle or cause.kind in ("thread", "task", "descriptor", "child")
        if family in ("garbage", "frozen"):
            return cause.kind in ("allocation", "container", "frozen")
        return _is_alike(cause.objects, per_cycle) or (family == "tasks" and "_asyncio.Task" in cause.holds)

    # -- the causes

    def _at(self, frame: Frame) -> Cause | None:
        """Return the first cause whose line is in the same function as `frame`, or None.

        If the function is unknown, the cause must have the same line.
        """
        function = self._function(frame)
        return next(
            (one for one in self.causes if one.function == function and (function[1] or one.frame == frame)), None
        )

    def _new(self, kind: str, frame: Frame, stack: Stack) -> Cause:
        cause = Cause(kind, frame, self._function(frame), stack)
        self.causes.append(cause)
        return cause

    def _function(self, frame: Frame) -> tuple[str, str]:
        return frame[0], self._name(frame).function


def _holding(container: GrowingContainer) -> str:
    name = container.type.rpartition(".")[2]
    return f"{name} of {container.of.removeprefix('builtins.')}" if container.of else name


def _is_alike(one: float, other: float) -> bool:
    return one > 0 and abs(one - other) <= SAME_RATE * max(one, other)
