"""What holds an object: the shortest path to it from a module, a thread's frame, a task or the event loop, in words.

Walks forward through what the collector can see, once for all objects that are asked for, and keeps nothing. It looks
at no more than `MOST_OBJECTS`, follows no weak reference, and changes nothing.
"""

import asyncio
import collections
import functools
import gc
import sys
import types
from collections.abc import Awaitable, Callable, Container, Iterator, Sequence
from itertools import islice, pairwise
from typing import Any, Final

MOST_OBJECTS: Final = 2_000_000
SLICE: Final = 2000
"""Objects that are looked at before others may run."""
MOST_SEARCHED: Final = 100_000
"""Entries of one container that are searched for the name of a step."""
LONGEST_NAME: Final = 40
ARROW: Final = " → "

Root = tuple[str, Any]
"""A name, and what it names."""

_REGISTRIES: Final = frozenset(
    {"weakref", "threading", "gc", "tracemalloc", "linecache", "abc", "_weakrefset", "copyreg"}
)
"""Modules that know objects of everybody: a path through them says little, and is the last to be tried."""


async def paths(
    targets: Sequence[object], pause: Callable[[], Awaitable[None]], *, without: Container[int] = ()
) -> list[str]:
    """For each target its path; "" when nothing that Python knows holds it.

    `pause` is called every `SLICE` objects. `without` has addresses that no path may go through.
    """
    search = _Search(targets, without)
    for roots in (_modules(tell=True), _frames(), _tasks(), _modules(tell=False)):
        await search.walk(roots, pause)
        if search.done:
            break
    return [search.told(target) for target in targets]


class _Search:
    """One walk. `parents` leads from each object that was reached to the one that it was reached from."""

    def __init__(self, targets: Sequence[object], without: Container[int]) -> None:
        self._wanted = {id(target) for target in targets}
        self._without = without
        self._parents: dict[int, Any] = {}  # bounded by MOST_OBJECTS
        self._names: dict[int, str] = {}  # bounded by the roots
        self._ours = {id(self), id(self._parents), id(self._names), id(self._wanted), id(targets), id(self.__dict__)}

    @property
    def done(self) -> bool:
        """Whether all are found, or there were too many objects."""
        return not self._wanted or len(self._parents) >= MOST_OBJECTS

    async def walk(self, roots: Iterator[Root], pause: Callable[[], Awaitable[None]]) -> None:
        """Go on from these roots, breadth first."""
        waiting: collections.deque[Any] = collections.deque()
        self._ours.add(id(waiting))
        for name, root in roots:
            if id(root) not in self._parents and id(root) not in self._ours and id(root) not in self._without:
                self._parents[id(root)] = None
                self._names[id(root)] = name
                waiting.append(root)
        looked = 0
        while waiting and not self.done:
            owner = waiting.popleft()
            looked += 1
            if looked % SLICE == 0:
                await pause()
            for held in gc.get_referents(owner):
                if self._is_news(held):
                    self._parents[id(held)] = owner
                    self._wanted.discard(id(held))
                    waiting.append(held)

    def _is_news(self, thing: Any) -> bool:
        key = id(thing)
        if key in self._parents or key in self._ours or key in self._without:
            return False
        return not isinstance(thing, types.ModuleType | types.FrameType) and type(thing) not in _ATOMS

    def told(self, target: object) -> str:
        """The path to it, from the root on."""
        steps = [target]
        while (owner := self._parents.get(id(steps[-1]))) is not None and len(steps) < 100:
            steps.append(owner)
        if id(steps[-1]) not in self._names:
            return ""
        steps.reverse()
        words = [self._names[id(steps[0])]]
        for owner, held in pairwise(steps):
            if (word := _step(owner, held)) is not None:
                words.append(word)
        return ARROW.join(words).replace(f"{ARROW}.", ".") + f": {_kind(target)}"


_ATOMS: Final = frozenset({int, float, bool, type(None), types.CodeType})
"""Types whose objects hold nothing: never a step, though they may be a target of nobody's interest."""


# -- where paths begin


def _modules(*, tell: bool) -> Iterator[Root]:
    """All modules but the registries, or those."""
    for name, module in list(sys.modules.items()):
        if isinstance(module, types.ModuleType) and (name.partition(".")[0] in _REGISTRIES) is not tell:
            yield f"module {name}", module


def _frames() -> Iterator[Root]:
    """The local names of what every thread does now, but for those of this module."""
    for top in list(sys._current_frames().values()):
        frame: types.FrameType | None = top
        while frame is not None:
            if not frame.f_code.co_filename.startswith(_HERE):
                for name, held in list(frame.f_locals.items()):
                    yield f"frame of {frame.f_code.co_qualname}, local {name}", held
            frame = frame.f_back


_HERE: Final = __file__.rpartition("/")[0]


def _tasks() -> Iterator[Root]:
    """All tasks of all loops: C code holds them, where nothing looks."""
    for task in gc.get_objects():
        if isinstance(task, asyncio.Task) and not task.done():
            coroutine = task.get_coro()
            yield f"task {getattr(coroutine, '__qualname__', task.get_name())}", task
            yield "event loop", task.get_loop()


# -- the names of steps


def _step(owner: Any, held: Any) -> str | None:
    """How one object holds another, in words; None for a step that says nothing."""
    named = _by_kind(owner, held)
    if named is not None:
        return named or None
    found = _attribute(owner, held)
    if found:
        return f".{found}"
    return None if isinstance(owner, types.CellType | types.MappingProxyType) else f"({_kind(owner)})"


def _by_kind(owner: Any, held: Any) -> str | None:  # noqa: PLR0911 - a table
    """The name by the kind of the owner; "" for none, None for an owner of no special kind."""
    match owner:
        case dict():
            return _entry(owner, held)
        case tuple() if isinstance(held, types.CellType):
            return ""  # a function's closure: the function has named it
        case list() | tuple() | collections.deque():
            return next((f"[{n}]" for n, one in enumerate(islice(owner, MOST_SEARCHED)) if one is held), "")
        case set() | frozenset():
            return "{member}"
        case types.MethodType():
            return f"(method of {_kind(held)})" if owner.__self__ is held else ""
        case types.FunctionType():
            return _of_function(owner, held)
        case functools.partial():
            return "(partial)"
        case types.CellType() | types.MappingProxyType():
            return ""
        case types.CoroutineType() | types.GeneratorType() | types.AsyncGeneratorType():
            return _local(owner, held)
        case asyncio.Future():
            return "" if isinstance(held, types.CoroutineType) else None
        case types.TracebackType():
            return "traceback"
        case types.ModuleType():
            return _attribute(owner, held) and f".{_attribute(owner, held)}"
    return None


def _entry(owner: dict[Any, Any], held: Any) -> str:
    """An entry of a dictionary; as an attribute where its keys are names, as those of objects and modules are."""
    for key, value in islice(list(owner.items()), MOST_SEARCHED):
        if value is held:
            return f".{key}" if isinstance(key, str) and key.isidentifier() else f"[{_short(key)}]"
        if key is held:
            return "{key}"
    return ""


def _of_function(owner: types.FunctionType, held: Any) -> str:
    for name, cell in zip(owner.__code__.co_freevars, owner.__closure__ or (), strict=False):
        if cell is held:
            return f"(closure of {owner.__qualname__}: {name})"
    if held is owner.__closure__:
        return f"(closure of {owner.__qualname__})"
    return "" if held is owner.__dict__ else f"(defaults of {owner.__qualname__})"


def _local(owner: Any, held: Any) -> str:
    frame = next((getattr(owner, name) for name in ("cr_frame", "gi_frame", "ag_frame") if hasattr(owner, name)), None)
    if frame is None:
        return ""
    found = next((name for name, value in frame.f_locals.items() if value is held), None)
    return f"local {found} of {owner.__qualname__}" if found else f"({owner.__qualname__})"


def _attribute(owner: Any, held: Any) -> str:
    """The name of an attribute that holds it, by dictionary or slot; "" when there is none."""
    own = getattr(owner, "__dict__", None)
    if own is held:
        return ""
    if isinstance(own, dict | types.MappingProxyType):
        for name, value in list(own.items()):
            if value is held:
                return str(name)
    for kind in type(owner).__mro__:
        for name, slot in vars(kind).items():
            if isinstance(slot, types.MemberDescriptorType) and _value(slot, owner) is held:
                return name
    return ""


def _value(slot: types.MemberDescriptorType, owner: Any) -> Any:
    try:
        return slot.__get__(owner, type(owner))
    except AttributeError:
        return None


def _kind(thing: object) -> str:
    return type(thing).__qualname__


def _short(key: object) -> str:
    if not isinstance(key, str | int | bytes | tuple):
        return _kind(key)
    text = repr(key)
    return text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 1]}…"
