"""Takes a snapshot of this process's memory: types, containers, old objects, C heap, threads, tasks, descriptors.

The snapshot is taken in a thread beside the event loop, and keeps no references to the objects. Of their own code, it
runs only `__len__`, `__sizeof__`, iteration, and the attribute `created_at`.
"""

import asyncio
import collections
import ctypes
import gc
import sys
import threading
import time
import types
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, Final

import psutil

import mobifai
from mobifai.health.process_stats import descriptor_kinds, heap_in_use
from profiles.attribution.frames import responsible_frame
from profiles.inside.allocation_sites import allocation_stack
from profiles.inside.container_contents import name_of
from profiles.inside.containers import containers_among
from profiles.inside.offload import no_yield, run_without_waiting
from profiles.inside.retainers import find_paths, referents
from soak.inside.count import CANARIES

MOST_TYPES: Final = 30
MOST_CONTAINERS: Final = 15
MOST_OLD: Final = 40
MOST_TASKS: Final = 60
MOST_THREADS: Final = 100
MOST_CHILDREN: Final = 100
SAMPLE: Final = 200
"""Number of a container's elements whose size is measured, to estimate the size of all its elements."""
OLDEST: Final = 2
"""The number of the garbage collector's oldest generation."""


def snapshot(loop: asyncio.AbstractEventLoop) -> dict[str, Any]:
    """Return a snapshot of this process's memory as a JSON object (see `profiles.heap_results.HeapReport`).

    `loop` is the event loop whose tasks are listed. Sizes of objects are those of `sys.getsizeof`, in bytes.
    """
    asyncio_itself = sys.modules.get("_asyncio")  # its referents are not safe to touch: see `referents`
    things = [thing for thing in gc.get_objects() if thing is not asyncio_itself]
    largest = _largest(things)
    old = _old()
    targets = [*largest, *old]
    held = run_without_waiting(find_paths(targets, no_yield, without={id(things), id(largest), id(old), id(targets)}))
    counted = types_of(things)
    return {
        "types": counted[:MOST_TYPES],
        "objects": sum(row["count"] for row in counted),
        "containers": [_container(one, path) for one, path in zip(largest, held, strict=False)],
        "old": [
            {"type": name_of(type(one)), "age_s": _age(one), "path": path}
            for one, path in zip(old, held[len(largest) :], strict=True)
        ],
        "heap": native_heap(),
        "rss_bytes": psutil.Process().memory_info().rss,
        "python_blocks": sys.getallocatedblocks(),
        "threads": _threads(),
        "tasks": _tasks(loop),
        "descriptors": descriptor_kinds(),
        "children": [_child(one) for one in psutil.Process().children(recursive=True)[:MOST_CHILDREN]],
        "version": mobifai.__version__,
    }


def types_of(things: Iterable[Any]) -> list[dict[str, Any]]:
    """Return a row for each type of `things`: `type`, `count` and `bytes` of its objects. The largest comes first.

    Texts and bytes, which the garbage collector does not track, are counted if one of `things` refers to them.
    """
    counts: collections.Counter[type] = collections.Counter()
    sizes: collections.Counter[type] = collections.Counter()
    seen: set[int] = set()
    for thing in things:
        counts[type(thing)] += 1
        sizes[type(thing)] += sys.getsizeof(thing, 0)
        for held in referents(thing):
            if type(held) in (str, bytes, bytearray) and id(held) not in seen:
                seen.add(id(held))
                counts[type(held)] += 1
                sizes[type(held)] += sys.getsizeof(held, 0)
    return [{"type": name_of(kind), "count": counts[kind], "bytes": size} for kind, size in sizes.most_common()]


def _old() -> list[Any]:
    """Return old objects of the types that should end with a phone, a terminal or a conversation.

    Old objects are those in the garbage collector's oldest generation.
    """
    known: dict[type, bool] = {}  # bounded by the types; building a name for each object is slow
    found = []
    for thing in gc.get_objects(OLDEST):
        kind = type(thing)
        if kind not in known:
            known[kind] = name_of(kind) in CANARIES
        if known[kind]:
            found.append(thing)
    return found[:MOST_OLD]


def _largest(things: Sequence[Any]) -> list[Any]:
    """Return the longest containers among `things`, except `sys.modules` and the namespaces of modules."""
    known = {id(things), id(sys.modules), *(id(vars(one)) for one in things if issubclass(type(one), types.ModuleType))}
    found = [one for one in containers_among(things) if id(one) not in known]
    return sorted(found, key=len, reverse=True)[:MOST_CONTAINERS]


def _container(one: Any, path: str) -> dict[str, Any]:
    """Return the snapshot's row for the container `one`. The bytes of its elements are estimated from a sample.

    `path` is the text of the references that keep the container alive.
    """
    is_dict = issubclass(type(one), dict)
    sample = list(islice(one.values() if is_dict else one, SAMPLE))
    keys = list(islice(one, SAMPLE)) if is_dict else []
    length = len(one)
    inside = sum(sys.getsizeof(element, 0) for element in (*sample, *keys)) * length // max(1, len(sample))
    kinds = collections.Counter(name_of(type(element)) for element in sample)
    return {
        "type": name_of(type(one)),
        "length": length,
        "bytes": sys.getsizeof(one, 0) + inside,
        "holds": [kind for kind, _ in kinds.most_common(2)],
        "path": path,
    }


def _age(one: object) -> float | None:
    """Return an object's age in seconds, or None if its attribute `created_at` has no time (in milliseconds)."""
    created = getattr(one, "created_at", None)
    return time.time() - created / 1000 if isinstance(created, int | float) and created > 1e12 else None


def native_heap() -> dict[str, Any]:
    """Return the use of the C heap: `used_bytes`, `free_bytes`, and the `source` of these numbers.

    `free_bytes` is None if unknown on this system. The result is {} if `used_bytes` is unknown too.
    """
    try:
        info = _mallinfo()
    except (AttributeError, OSError):
        used = heap_in_use()
        return {} if used is None else {"used_bytes": used, "free_bytes": None, "source": "psutil's heap_info"}
    return {"used_bytes": info.uordblks + info.hblkhd, "free_bytes": info.fordblks, "source": "glibc's mallinfo2"}


_MALLINFO: Final = (
    *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
    *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
)
"""The fields of `struct mallinfo2` (malloc.h)."""


class _Mallinfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in _MALLINFO]


def _mallinfo() -> Any:
    """Return glibc's statistics of the C heap. Raises AttributeError if the C library is not glibc 2.33 or newer."""
    ask = ctypes.CDLL(None).mallinfo2
    ask.restype = _Mallinfo
    return ask()


def _threads() -> list[dict[str, Any]]:
    me = threading.get_ident()
    # without this frame: it would refer to itself through this variable, and keep all its objects until a collection
    frames = {thread: frame for thread, frame in sys._current_frames().items() if thread != me}
    return [
        {"name": thread.name, "daemon": thread.daemon, "at": _at(frames.get(thread.ident or 0))}
        for thread in threading.enumerate()[:MOST_THREADS]
        if thread is not threading.current_thread()
    ]


def _tasks(loop: asyncio.AbstractEventLoop) -> list[dict[str, Any]]:
    """Return the snapshot's rows for the tasks of an event loop.

    Tasks of the same coroutine function that wait at the same line are counted in one row.
    """
    together: collections.Counter[tuple[str, str, str, str]] = collections.Counter()
    for task in list(asyncio.all_tasks(loop)):
        coroutine: Any = task.get_coro()
        code = getattr(coroutine, "cr_code", None)
        made = responsible_frame(stack) if (stack := allocation_stack(task)) else None
        together[
            getattr(coroutine, "__qualname__", "?"),
            f"{code.co_filename}:{code.co_firstlineno}" if code else "",
            _waits_at(coroutine),
            f"{made[0]}:{made[1]}" if made else "",
        ] += 1
    return [
        {"coroutine": name, "count": amount, "defined_at": defined, "waits_at": waits, "made_at": made}
        for (name, defined, waits, made), amount in together.most_common(MOST_TASKS)
    ]


def _waits_at(coroutine: Any) -> str:
    """Return the line at which a coroutine waits, as `file:line function`.

    If the coroutine awaits another one, the result is the line at which the innermost one waits.
    """
    place = ""
    while (names := _WAITING.get(type(coroutine))) is not None and (frame := getattr(coroutine, names[0])) is not None:
        place, coroutine = _at(frame), getattr(coroutine, names[1])
    return place


_WAITING: Final = {
    types.CoroutineType: ("cr_frame", "cr_await"),
    types.GeneratorType: ("gi_frame", "gi_yieldfrom"),
    types.AsyncGeneratorType: ("ag_frame", "ag_await"),
}
"""For each type of coroutine, two attributes: the one with its frame, and the one with the object that it awaits."""


def _at(frame: types.FrameType | None) -> str:
    return f"{frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_qualname}" if frame else ""


def _child(process: psutil.Process) -> dict[str, Any]:
    try:
        return {"pid": process.pid, "name": process.name(), "status": process.status()}
    except psutil.Error:
        return {"pid": process.pid, "name": "", "status": "gone"}
