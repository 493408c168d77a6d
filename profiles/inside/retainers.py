"""Finds what keeps an object alive: its retention path, as text.

A retention path is the shortest chain of references to the object from a root: a module, a thread's frame, a task or
the event loop.

The search walks from the roots along the references that the garbage collector can see. One walk serves all requested
objects. It visits at most `MOST_OBJECTS`, and takes some 100 bytes of memory for each. It follows no weak references,
runs no code of the objects, and keeps no references to them. Its only side effect: before CPython 3.13, an object on a
path may get its `__dict__` earlier than without the search.
"""

import asyncio
import collections
import contextvars
import functools
import gc
import inspect
import sys
import types
import weakref
from collections.abc import Awaitable, Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Final, TypeAlias

MOST_OBJECTS: Final = 2_000_000
SLICE: Final = 2000
"""Number of objects that are visited before other tasks may run."""
MOST_SEARCHED: Final = 100_000
"""Most entries of one container that are searched for the key or index of an object."""
MOST_STEPS: Final = 60
"""Most steps (references) of a path in its text. The middle of a longer path is left out."""
LONGEST_NAME: Final = 40
ARROW: Final = " → "

Root: TypeAlias = tuple[str, Any]
"""An object from which the search starts, and its name."""

_REGISTRIES: Final = frozenset(
    {
        *("weakref", "threading", "gc", "tracemalloc", "linecache", "abc", "_weakrefset", "copyreg"),
        *("asyncio.tasks", "profiles"),
    }
)
"""Modules that refer to objects of all other modules. A path through them says little, so they are searched last."""

_HERE: Final = __file__.rpartition("/")[0]


async def find_paths(
    targets: Sequence[object], pause: Callable[[], Awaitable[None]], *, without: Container[int] = ()
) -> list[str]:
    """Return the retention path of each target as text, in the order of `targets`.

    A path is "" if none is found before `MOST_OBJECTS` objects have been visited. `pause` is called after every `SLICE`
    objects. `without` has the ids of objects that no path may contain.
    """
    search = _Search(targets, without)
    for roots in (_modules(registries=False), _frames(), _tasks()):
        await search.walk(roots, pause)
    search.allow_registries()
    await search.walk(chain(_modules(registries=True), [_finalizers()]), pause)
    return [search.path_to(target) for target in targets]


class _Search:
    """One search for the paths from the roots to the targets.

    `_parents` maps the id of each visited object to the object from which the search reached it.
    """

    def __init__(self, targets: Sequence[object], without: Container[int]) -> None:
        self._targets = {id(target) for target in targets}
        self._without = without
        self._parents: dict[int, Any] = {}  # bounded by MOST_OBJECTS
        self._names: dict[int, str] = {}  # bounded by the roots
        self._later = {key for _, module in _modules(registries=True) for key in (id(module), id(vars(module)))}
        self._later.add(id(_finalizers()[1]))
        self._ours = {id(self), id(self._parents), id(self._names), id(self._targets), id(targets), id(self.__dict__)}
        self._ours |= {id(self._later), id(self._ours)}

    def allow_registries(self) -> None:
        """Let later walks visit the modules in `_REGISTRIES` too. The walks before this call skip them.

        A path through such a module says little, because the module refers to objects of all other modules.
        """
        self._later.clear()

    async def walk(self, roots: Iterator[Root], pause: Callable[[], Awaitable[None]]) -> None:
        """Visit objects breadth first from these roots, until all targets are found or `MOST_OBJECTS` were visited.

        `pause` is called after every `SLICE` objects.
        """
        waiting: collections.deque[Any] = collections.deque()
        self._ours.add(id(waiting))
        for name, root in roots if self._targets else ():
            if self._is_news(root):
                self._names[id(root)] = name
                self._reach(None, root, waiting)
        visited = 0
        while waiting and self._targets and len(self._parents) < MOST_OBJECTS:
            owner = waiting.popleft()
            for held in referents(owner):
                visited += 1
                if visited % SLICE == 0:
                    await pause()
                if self._is_news(held):
                    self._reach(owner, held, waiting)

    def _reach(self, owner: Any, held: Any, waiting: "collections.deque[Any]") -> None:
        self._parents[id(held)] = owner
        self._targets.discard(id(held))
        waiting.append(held)

    def _is_news(self, thing: Any) -> bool:
        key, kind = id(thing), type(thing)
        if key in self._parents or key in self._ours or key in self._later or key in self._without:
            return False
        return key in self._targets or not (kind in _ATOMS or (kind in _CODE and _is_of_the_search(thing)))

    def path_to(self, target: object) -> str:
        """Return the path from a root (a module, a frame or a task) to a target as text, or "" if none was found."""
        links = [target]
        while (owner := self._parents.get(id(links[-1]))) is not None:
            links.append(owner)
        if id(links[-1]) not in self._names:
            return ""
        links.reverse()
        words = [self._names[id(links[0])], *filter(None, _words(links))]
        if len(words) > MOST_STEPS:
            words[MOST_STEPS // 2 : -MOST_STEPS // 2] = ["…"]
        return ARROW.join(words).replace(f"{ARROW}.", ".") + f": {_kind(target)}"


def referents(owner: Any) -> list[Any]:
    """Return the objects to which `owner` refers, as the garbage collector sees them.

    For the module `_asyncio`, the result is only the dictionary of its attributes. In some releases of CPython 3.12,
    `gc.get_referents` also returns dead objects from a free list of this module, and touching such an object breaks the
    event loop.
    """
    return [vars(owner)] if owner is sys.modules.get("_asyncio") else gc.get_referents(owner)


_ATOMS: Final = frozenset({int, float, bool, str, bytes, type(None), types.CodeType})
"""Types whose objects refer to no other objects that matter for a path."""

_CODE: Final = {
    types.FrameType: "f_code",
    types.CoroutineType: "cr_code",
    types.GeneratorType: "gi_code",
    types.AsyncGeneratorType: "ag_code",
}


def _is_of_the_search(thing: Any) -> bool:
    """Return whether a frame, coroutine or generator runs code of `profiles.inside`, such as this search itself."""
    code: types.CodeType = getattr(thing, _CODE[type(thing)])
    return code.co_filename.startswith(_HERE)


# -- roots


def _modules(*, registries: bool) -> Iterator[Root]:
    """Yield the imported modules in `_REGISTRIES` if `registries` is true, otherwise all other imported modules."""
    for name, module in list(sys.modules.items()):
        known = name in _REGISTRIES or name.partition(".")[0] in _REGISTRIES
        if known is registries and issubclass(type(module), types.ModuleType):
            yield f"module {name}", module


def _finalizers() -> Root:
    return "weakref.finalize", vars(weakref.finalize).get("_registry")


def _frames() -> Iterator[Root]:
    """Yield the local variables of all frames of all threads, except frames that run code of `profiles.inside`."""
    for top in list(sys._current_frames().values()):
        frame: types.FrameType | None = top
        while frame is not None:
            if not frame.f_code.co_filename.startswith(_HERE):
                for name, held in _locals(frame):
                    yield f"frame of {frame.f_code.co_qualname}, local {name}", held
            frame = frame.f_back


def _tasks() -> Iterator[Root]:
    """Yield all unfinished tasks, and their event loops.

    They are roots because C code may hold references to them that the garbage collector can't see.
    """
    tasks = [thing for thing in gc.get_objects() if issubclass(type(thing), asyncio.Task) and not thing.done()]
    for task in tasks:
        coroutine = task.get_coro()
        yield f"task {getattr(coroutine, '__qualname__', task.get_name())}", task
    for task in tasks:
        yield "event loop", task.get_loop()


def _locals(frame: types.FrameType) -> list[tuple[str, Any]]:
    """Return the local variables of a frame as pairs of name and value.

    Before Python 3.13, a frame keeps the dictionary that its `f_locals` returned, and so keeps the values of that
    moment alive. This function clears the dictionary, unless something else refers to it too.
    """
    found = frame.f_locals
    pairs = list(found.items())
    if sys.version_info < (3, 13) and frame.f_code.co_flags & inspect.CO_OPTIMIZED and sys.getrefcount(found) <= 3:
        found.clear()
    return pairs


# -- the text of steps


@dataclass(frozen=True, slots=True)
class _PathStep:
    """One step of a path: from an object (`owner`) to an object that it refers to (`held`).

    `before` and `after` are the objects before and after these two on the path, or None.
    """

    before: Any
    owner: Any
    held: Any
    after: Any


def _words(links: Sequence[Any]) -> Iterator[str]:
    """Yield the text of each step of a path, or "" for a step that needs no text. `links` are the path's objects."""
    around = [None, *links, None]
    for step in range(1, len(links)):
        yield _word(_PathStep(*around[step - 1 : step + 3]))


def _word(step: _PathStep) -> str:
    for kind in type(step.owner).__mro__:
        describe = _STEP_TEXTS.get(kind)
        if describe is not None and (text := describe(step)) is not None:
            return text
    name = _attribute(step.owner, step.held)
    if name is not None:
        return name and f".{name}"
    return "" if _kind(step.owner) in _PLUMBING else f"({_kind(step.owner)})"


_PLUMBING: Final = frozenset(
    {"_lru_list_elem", "hamt", "hamt_bitmap_node", "hamt_array_node", "hamt_collision_node", "managedbuffer"}
)
"""Names of internal types of the interpreter. A step from such an object has no text."""


def _entry(step: _PathStep) -> str | None:
    """Return the text of a step from a dictionary: `.key` if the key is an identifier, otherwise `[key]`.

    If the step leads to the key itself, the text is `{key}`. It is None if the dictionary no longer has the object.
    """
    for key, value in list(islice(dict.items(step.owner), MOST_SEARCHED)):
        if value is step.held:
            short = _short(key)
            return f".{short}" if short.isidentifier() and type(key) is str else f"[{short}]"
        if key is step.held:
            return "{key}"
    return None


def _index(base: Any) -> Callable[[_PathStep], str | None]:
    def describe(step: _PathStep) -> str | None:
        if type(step.held) is types.CellType and type(step.before) is types.FunctionType:
            return ""  # a closure: the step from the function has already named it
        elements = list(islice(base.__iter__(step.owner), MOST_SEARCHED))
        return next((f"[{n}]" for n, one in enumerate(elements) if one is step.held), None)

    return describe


def _bound(step: _PathStep) -> str:
    return f"(method of {_kind(step.held)})" if step.owner.__self__ is step.held else ""


def _function(step: _PathStep) -> str | None:
    owner, held, name = step.owner, step.held, step.owner.__qualname__
    if held is owner.__closure__:
        cells = zip(owner.__code__.co_freevars, owner.__closure__ or (), strict=False)
        free = next((f": {free}" for free, cell in cells if cell is step.after), "")
        return f"(closure of {name}{free})"
    if held is owner.__globals__:
        return f"(globals of {name})"
    if held is owner.__defaults__ or held is owner.__kwdefaults__:
        return f"(defaults of {name})"
    return None


def _cache(step: _PathStep) -> str | None:
    """Return the text of a step from a function with a `functools.lru_cache` to this cache or to the wrapped function.

    The result is None for a step to the function's `__dict__`.
    """
    if step.held is _own(step.owner):
        return None
    function = step.owner.__wrapped__
    return ".__wrapped__" if step.held is function else f"(cache of {getattr(function, '__qualname__', '?')})"


def _local(step: _PathStep) -> str:
    """Return the text of a step from a coroutine, a generator or a frame to one of its local variables.

    If the step leads to the cell of a closure, the text names the variable whose value is in that cell.
    """
    owner = step.owner
    frame = next((getattr(owner, name) for name in ("cr_frame", "gi_frame", "ag_frame") if hasattr(owner, name)), owner)
    if type(step.held) in _CODE or frame is None:
        return ""  # the awaited object, which the next step names
    held = step.after if type(step.held) is types.CellType else step.held
    name = frame.f_code.co_qualname
    found = next((local for local, value in _locals(frame) if value is held), None)
    return f"local {found} of {name}" if found else f"(at work in {name})"


def _future(step: _PathStep) -> str | None:
    """Return the text of a step from a future or task to an object that it holds, such as its result or a callback.

    The result is None if the object is in a named attribute. The text is derived from the type of the object. Methods
    that change the future are not called: `exception()`, for example, marks an exception as retrieved.
    """
    owner, held = step.owner, step.held
    if type(held) in _CODE:
        return f"(coroutine {held.__qualname__})" if step.before is not None else ""
    if held is asyncio.Future.get_loop(owner):
        return "(event loop)"
    if type(held) is contextvars.Context or _attribute(owner, held) is not None:
        return None
    if type(held) is dict and held and all(_reads(owner, name, value) for name, value in list(held.items())):
        return ""  # its attributes: a future has no `__dict__`
    if asyncio.Future.done(owner):
        return "(exception)" if isinstance(held, BaseException) else "(result)"
    return "(awaited future)" if isinstance(held, asyncio.Future) else "(callback)"


def _reads(owner: Any, name: object, value: Any) -> bool:
    """Return whether `value` is the instance attribute `name` of `owner`, without running code of the owner's class."""
    if type(name) is not str or any(name in vars(kind) for kind in type(owner).__mro__):
        return False
    try:
        return object.__getattribute__(owner, name) is value
    except AttributeError:
        return False


def _exception(step: _PathStep) -> str | None:
    names = ("__traceback__", "__cause__", "__context__", "args")
    return next((f".{name}" for name in names if getattr(step.owner, name) is step.held), None)


def _class(step: _PathStep) -> str | None:
    return "" if type(step.held) is dict else ".__mro__" if type(step.held) is tuple else None


def _nothing(_: _PathStep) -> str:
    return ""


_STEP_TEXTS: Final[dict[type, Callable[[_PathStep], str | None]]] = {
    dict: _entry,
    **{base: _index(base) for base in (list, tuple, collections.deque)},
    **dict.fromkeys((set, frozenset), lambda _: "{member}"),
    **dict.fromkeys((types.MethodType, types.BuiltinFunctionType), _bound),
    types.FunctionType: _function,
    type(functools.cache(lambda: None)): _cache,
    **dict.fromkeys(_CODE, _local),
    asyncio.Future: _future,
    BaseException: _exception,
    type: _class,
    memoryview: lambda _: ".obj",
    contextvars.Context: lambda _: "(context)",
    weakref.ref: lambda step: None if type(step.owner) is not weakref.ref else "(callback of a weak reference)",
    **dict.fromkeys((types.CellType, types.MappingProxyType, types.TracebackType), _nothing),
}


def _attribute(owner: Any, held: Any) -> str | None:
    """Return the name of the attribute or slot of `owner` whose value is `held`.

    The result is "" if `held` is the `__dict__` of `owner`, and None if no attribute or slot has this value.
    """
    own = _own(owner)
    if own is held:
        return ""
    for name, value in list(own.items()) if own is not None else ():
        if value is held:
            return str(name)
    for kind in type(owner).__mro__:
        for name, slot in list(vars(kind).items()):
            if type(slot) is types.MemberDescriptorType and _value(slot, owner) is held:
                return name
    return None


def _own(owner: Any) -> Any:
    """Return an object's `__dict__`, or None if it has none, without running code of the object's class."""
    try:
        own = object.__getattribute__(owner, "__dict__")
    except AttributeError:
        return None
    return own if type(own) in (dict, types.MappingProxyType) else None


def _value(slot: types.MemberDescriptorType, owner: Any) -> Any:
    try:
        return slot.__get__(owner, type(owner))
    except AttributeError:
        return None


def _kind(thing: object) -> str:
    return type(thing).__qualname__


def _short(key: object) -> str:
    """Return a dictionary's key as short text.

    Strings, numbers and tuples are shown, at most `LONGEST_NAME` characters of each. For another key, the name of its
    type is shown.
    """
    if type(key) is tuple:
        return f"({', '.join(map(_short, key[:3]))}{', …' if len(key) > 3 else ''})"
    if type(key) is str and key.isidentifier() and len(key) <= LONGEST_NAME:
        return key
    if type(key) in (str, bytes):
        text = repr(key[:LONGEST_NAME])  # type: ignore[index]
        return text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 1]}…"
    return repr(key)[:LONGEST_NAME] if type(key) in (int, float, bool, type(None)) else _kind(key)
