"""Traces this process while it works: its allocation sites, growing containers, and the creators of leftovers.

Owns tracemalloc's tracing, and the wrappers that record creations. `AllocationTracer.end` removes both and leaves
nothing behind. Draws no conclusions.
"""

import asyncio
import gc
import os
import sys
import threading
import tracemalloc
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import psutil

from mobifai.errors import StateError
from profiles.attribution.frames import Frame, Role, Stack, is_profiler_stack, role
from profiles.inside.allocation_sites import SiteKey, SiteTracker, allocation_stack, site_of, storage_stack
from profiles.inside.container_contents import cached_function, contents_of, name_of, survivors
from profiles.inside.containers import ContainerTracker, find_containers
from profiles.inside.creation_recorder import CreationRecorder
from profiles.inside.offload import no_yield, offload, run_without_waiting, running_loop
from profiles.inside.retainers import find_paths

FRAMES: Final = 8
"""Number of lines that are kept of each stack: enough for a call through two libraries."""
MOST_REPORTED: Final = 2000
"""Maximum number of allocation sites, and of containers, that `histories` returns: those that grew most."""
MOST_EXAMINED: Final = 40
MOST_TYPES: Final = 40
MOST_LINES: Final = 4


class AllocationTracer:
    """Traces this process from `begin` to `end`. Call `window` for the base, and at the end of each window.

    `peak_bytes` is the most memory that the traces took at the end of a window.
    """

    def __init__(self) -> None:
        self._clear()
        self._ours = False

    def _clear(self) -> None:
        self.peak_bytes = 0
        self._births = CreationRecorder()
        self._sites = SiteTracker()
        self._containers = ContainerTracker()
        self._reported: list[SiteKey] = []  # bounded by MOST_REPORTED
        self._before: DescriptorBaseline | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def on(self) -> bool:
        """Whether this object is tracing."""
        return self._ours

    def begin(self, frames: int = FRAMES) -> None:
        """Start tracing, with `frames` lines of each stack. Raises StateError if the process is traced already."""
        if tracemalloc.is_tracing():
            raise StateError(
                "the memory of the examined process is already traced, by another examination or by "
                "PYTHONTRACEMALLOC; end that tracing first"
            )
        tracemalloc.start(frames)
        self._ours = True
        self._births.begin()

    async def window(self) -> None:
        """Record the live memory of each allocation site and the length of each container, at the end of a window.

        The first call records the base that later windows are compared with.
        """
        self._loop = running_loop()
        await offload(self._look)
        self.peak_bytes = max(self.peak_bytes, traced_bytes())

    def _look(self) -> None:
        if self._before is None:
            self._before = DescriptorBaseline()
            self._births.forget()
        self._sites.take_window()
        self._containers.take_window()

    def end(self) -> None:
        """Stop tracing, remove the wrappers and drop all data. Idempotent."""
        if self._ours:
            self._births.end()
            tracemalloc.stop()
            self._ours = False
        self._clear()

    # -- answers

    def histories(self) -> dict[str, Any]:
        """Return the histories of the allocation sites and containers that are larger than at the base.

        The result has two lists of rows, `sites` and `containers`, with the largest growth first. A row of a site has
        `id`, `blocks`, `bytes` and `stack`; a row of a container has `id`, `type` and its lengths, `points`. `blocks`,
        `bytes` and `points` are lists with one value for each window.
        """
        grown = [
            (site, history) for site, history in self._sites.histories.items() if history.bytes[-1] > history.bytes[0]
        ]
        grown.sort(key=lambda one: one[1].bytes[0] - one[1].bytes[-1])
        self._reported = [site for site, _ in grown[:MOST_REPORTED]]
        longer = [(key, one) for key, one in self._containers.growing.items() if one.points[-1] > one.points[0]]
        longer.sort(key=lambda one: one[1].points[0] - one[1].points[-1])
        return {
            "sites": [
                {"id": number, "blocks": [*history.blocks], "bytes": [*history.bytes], "stack": history.stack}
                for number, (_, history) in enumerate(grown[:MOST_REPORTED])
            ],
            "containers": [
                {"id": key, "type": name_of(one.kind), "points": [*one.points]} for key, one in longer[:MOST_REPORTED]
            ],
        }

    async def examine(self, sites: list[int], containers: list[int], folders: list[str]) -> dict[str, Any]:
        """Examine some allocation sites and containers, and find all leftovers.

        `sites` and `containers` are ids that `histories` returned. Files count as leftovers only if they are in one of
        `folders`. The result is a dictionary with a list of rows for each of these keys:

        - `containers`: the newest contents of each container, and the path of references that keeps it alive
        - `sites`: the type of one object of each site, and the path of references that keeps this object alive
        - one key for each kind of leftover: `descriptors`, `threads`, `tasks`, `children`, `started`, `files`, `rows`,
          `freezes`, `debug`, `spawned`, `foreign`, `allocated`, `said`. A row has `what`, `count` and `stack`.
        """
        return await offload(lambda: self._examine(sites, containers, folders))

    def _examine(self, sites: list[int], containers: list[int], folders: list[str]) -> dict[str, Any]:
        found = find_containers(
            {*containers[:MOST_EXAMINED]} - {id(gc.garbage)}
        )  # the collector adds to `gc.garbage`, at whatever line it happens to run
        living = {
            address: thing for address, thing in found.items() if not is_profiler_stack(storage_stack(thing) or _ME)
        }
        chosen = {self._reported[number] for number in sites[:MOST_EXAMINED] if number < len(self._reported)}
        alive = survivors(chosen, gc.get_objects()) if chosen else {}
        targets = [*living.values(), *alive.values()]
        found_paths = run_without_waiting(
            find_paths(targets, no_yield, without={id(found), id(living), id(alive), id(targets)})
        )
        named = dict(zip([*living, *alive], found_paths, strict=True))
        return {
            "containers": [self._container(address, thing, named[address]) for address, thing in living.items()],
            "sites": [
                {"id": self._reported.index(site), "type": name_of(type(thing)), "path": named[site]}
                for site, thing in alive.items()
            ],
            **self._left(folders),
        }

    def _container(self, address: int, thing: Any, path: str) -> dict[str, Any]:
        held = contents_of(thing, self._containers.at_base)
        numbers = {site: number for number, site in enumerate(self._reported)}
        cache = cached_function(thing)
        return {
            "id": address,
            "type": name_of(type(thing)),
            "grown_at": storage_stack(thing),
            "of": held.of,
            "holds": dict(held.kinds.most_common(MOST_TYPES)),
            "bytes_each": held.bytes / max(1, held.elements),
            "explains": [numbers[site] for site in held.sites if site in numbers],
            "made_at": held.lines[:MOST_LINES],
            "weak": held.weak,
            "cache": cache,
            "path": path,
        }

    def _left(self, folders: list[str]) -> dict[str, Any]:
        before, births = self._before or DescriptorBaseline(), self._births
        children = _children()
        return {
            "descriptors": _by_site(self._descriptors(before)),
            "threads": _by_site((thread.name, allocation_stack(thread)) for thread in threading.enumerate()),
            "tasks": _by_site((_coroutine(task), allocation_stack(task)) for task in self._tasks()),
            "children": _by_site(
                (name, births.children[pid]) for pid, name in children.items() if pid in births.children
            ),
            "started": _by_site(("", stack) for stack in births.children.values()),
            "files": _by_site(
                ("file", stack)
                for file, stack in births.files.items()
                if file.startswith(tuple(folders)) and Path(file).exists()
            ),
            "rows": _counted(births.rows),
            "freezes": _counted(Counter({("gc.freeze", stack): n for (stack,), n in births.freezes.items()})),
            "debug": _saved_garbage(),
            "spawned": [{"what": name, "count": 1, "stack": stack} for name, stack in births.spawned.items()],
            "foreign": _counted(births.foreign),
            "allocated": _by_site(births.allocated.values()),
            "said": _counted(Counter({(str(pid), stack): n for (pid, stack), n in births.said.items()})),
        }

    def _tasks(self) -> Iterable["asyncio.Task[Any]"]:
        return asyncio.all_tasks(self._loop) if self._loop is not None else ()

    def _descriptors(self, before: "DescriptorBaseline") -> Iterable[tuple[str, Stack]]:
        for descriptor, target in descriptors().items():
            if before.descriptors.get(descriptor) != target and descriptor in self._births.descriptors:
                yield self._births.descriptors[descriptor]


class DescriptorBaseline:
    """The open descriptors of this process and their targets at the moment when this object is created."""

    def __init__(self) -> None:
        self.descriptors = descriptors()


_ME: Final[Stack] = (("", 0),)
"""A stack that takes the place of an unknown one, and does not count as the profiler's."""


def descriptors() -> dict[int, str]:
    """Return the open descriptors of this process, each with its target, such as a path or `socket:[7]`.

    The result is {} if the system has no /proc/self/fd.
    """
    found = {}
    with suppress(OSError):
        for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names, not paths
            with suppress(OSError):
                found[int(name)] = os.readlink(f"/proc/self/fd/{name}")  # noqa: PTH115
    return found


def _children() -> dict[int, str]:
    found = {}
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            found[child.pid] = "zombie" if child.status() == psutil.STATUS_ZOMBIE else child.name()
    return found


def _coroutine(task: "asyncio.Task[Any]") -> str:
    return getattr(task.get_coro(), "__qualname__", "task")


def _saved_garbage() -> list[dict[str, Any]]:
    """Return a leftover for each line of MobiFai's code that calls `gc.set_debug`, if gc.DEBUG_SAVEALL is set.

    With this flag, the collector keeps all garbage in the list `gc.garbage`. The count of each leftover is the length
    of this list. Without the flag, there are no leftovers.
    """
    if not gc.get_debug() & gc.DEBUG_SAVEALL:
        return []
    files = {getattr(module, "__file__", None) or "" for module in list(sys.modules.values())}
    lines = [(file, number) for file in files if role(file) is Role.OWN for number in _lines_with(file, "set_debug(")]
    return [{"what": "DEBUG_SAVEALL", "count": len(gc.garbage), "stack": [line]} for line in lines[:MOST_EXAMINED]]


def _lines_with(file: str, text: str) -> list[int]:
    with suppress(OSError, UnicodeDecodeError):
        return [number for number, line in enumerate(Path(file).read_text().splitlines(), 1) if text in line]
    return []


def _by_site(things: Iterable[tuple[str, Stack]]) -> list[dict[str, Any]]:
    """Return leftovers, given the (name, creating stack) of each thing.

    There is one for each name and responsible line, with the number of its things (`count`) and one of the stacks.
    """
    return _counted(Counter((name, stack) for name, stack in things if stack))


def _counted(counts: Mapping[tuple[str, Stack], int]) -> list[dict[str, Any]]:
    together: dict[tuple[str, Frame], tuple[int, Stack]] = {}
    for (name, stack), amount in counts.items():
        if stack and not is_profiler_stack(stack):
            key = name, site_of(stack)[0]
            together[key] = together.get(key, (0, stack))[0] + amount, stack
    ordered = sorted(together.items(), key=lambda one: -one[1][0])[:MOST_EXAMINED]
    return [{"what": name, "count": amount, "stack": stack} for (name, _), (amount, stack) in ordered]


def traced_bytes() -> int:
    """Return the bytes that tracemalloc uses for its own records."""
    return int(tracemalloc.get_tracemalloc_memory())
