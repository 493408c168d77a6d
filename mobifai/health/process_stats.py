"""Figures of a process: memory, descriptors by kind, threads, tasks, children, CPU time.

The figures come from psutil. The kinds of descriptors come from /proc, so they exist on Linux only.
"""

import asyncio
import collections
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from mobifai.health.figure import Figure, Shown

if TYPE_CHECKING:
    import psutil


@dataclass(frozen=True, kw_only=True)
class ProcessStats:
    """The figures of a process at one moment."""

    memory_bytes: Annotated[
        int,
        Figure(
            "Resident memory of the agent",
            "bytes",
            shown=Shown.TEXT | Shown.PAGE | Shown.LOG,
            metric="mobifai_memory_bytes",
        ),
    ]
    heap_bytes: Annotated[int | None, Figure("Memory in use on the C heap", "bytes", metric="mobifai_heap_bytes")]
    descriptors: Annotated[int, Figure("Open descriptors", shown=Shown.TEXT | Shown.LOG)]
    descriptors_by_kind: Annotated[dict[str, int], Figure("Open descriptors by kind", metric="mobifai_descriptors")]
    threads: Annotated[int, Figure("Threads", shown=Shown.TEXT | Shown.LOG, metric="mobifai_threads")]
    tasks: Annotated[int, Figure("Tasks of the event loop", shown=Shown.TEXT | Shown.LOG, metric="mobifai_tasks")]
    children: Annotated[int, Figure("Child processes", shown=Shown.LOG, metric="mobifai_children")]
    cpu_seconds: Annotated[
        float, Figure("CPU time that the agent has used since its start", "seconds", metric="mobifai_cpu_seconds")
    ]


def collect_process_stats() -> ProcessStats:
    """Read the figures of this process. Raises OSError if they can't be read.

    `tasks` is 0 if no event loop runs.
    """
    psutil = _psutil()
    try:
        return _read(psutil.Process())
    except psutil.Error as error:
        raise OSError(str(error)) from None


def memory_in_use() -> int:
    """Return the resident memory of this process in bytes. Raises OSError if it can't be read."""
    psutil = _psutil()
    try:
        return int(psutil.Process().memory_info().rss)
    except psutil.Error as error:
        raise OSError(str(error)) from None


def _psutil() -> Any:
    """Return the module psutil, which is imported on first use. Raises OSError if the import fails."""
    try:
        import psutil  # noqa: PLC0415
    except ImportError as error:  # for example, no descriptor is left
        raise OSError(f"psutil can't be loaded: {error}") from None
    return psutil


def _read(process: "psutil.Process") -> ProcessStats:
    with process.oneshot():
        times = process.cpu_times()
        return ProcessStats(
            memory_bytes=process.memory_info().rss,
            heap_bytes=heap_in_use(),
            descriptors=process.num_fds(),
            descriptors_by_kind=descriptor_kinds(),
            threads=threading.active_count(),
            tasks=_tasks(),
            children=len(process.children()),
            cpu_seconds=times.user + times.system,
        )


def heap_in_use() -> int | None:
    """Return how many bytes are allocated on the C heap, or None where psutil does not support this."""
    try:
        return int(_psutil().heap_info().heap_used)
    except (AttributeError, OSError, NotImplementedError):
        return None


def descriptor_kinds(pid: int | None = None) -> dict[str, int]:
    """Return the number of open descriptors of a process by kind: socket, pipe, /dev/ptmx, file ...

    None means this process. The result is empty where there is no /proc.
    """
    folder = Path("/proc", "self" if pid is None else str(pid), "fd")
    kinds: collections.Counter[str] = collections.Counter()  # bounded by the descriptors
    try:
        names = os.listdir(folder)  # noqa: PTH208 - names, not paths
    except OSError:
        return {}
    for name in names:
        try:
            target = str((folder / name).readlink())
        except OSError:
            continue  # the descriptor that listed the folder
        kinds[_kind(target)] += 1
    return dict(sorted(kinds.items()))


def _kind(target: str) -> str:
    if target.startswith("/dev/"):
        return target
    if target.startswith("/"):
        return "file"
    return target.partition(":")[2].strip("[]") if target.startswith("anon_inode:") else target.partition(":")[0]


def _tasks() -> int:
    try:
        return len(asyncio.all_tasks())
    except RuntimeError:
        return 0
