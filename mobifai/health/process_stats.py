"""What a process has now: memory, descriptors by kind, threads, tasks, children, CPU time.

Counts only; keeps nothing. psutil where it knows, /proc for the kinds of descriptors on Linux.
"""

import asyncio
import collections
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psutil


@dataclass(frozen=True, slots=True)
class ProcessStats:
    """One count. `memory_bytes` is the resident set, `heap_bytes` what the C heap has in use (None: unknown here)."""

    memory_bytes: int
    heap_bytes: int | None
    descriptors: int
    descriptors_by_kind: dict[str, int]
    threads: int
    tasks: int
    children: int
    cpu_seconds: float


def collect_process_stats() -> ProcessStats:
    """Count this process. Outside a running loop there are no tasks. Raises OSError when the system tells nothing."""
    psutil = _psutil()
    try:
        return _counted(psutil.Process())
    except psutil.Error as error:
        raise OSError(str(error)) from None


def memory_in_use() -> int:
    """The resident set of this process, in bytes. Raises OSError when the system tells nothing."""
    psutil = _psutil()
    try:
        return int(psutil.Process().memory_info().rss)
    except psutil.Error as error:
        raise OSError(str(error)) from None


def _psutil() -> Any:
    """The library, when it is needed: the first count is minutes after the start. Raises OSError."""
    try:
        import psutil  # noqa: PLC0415
    except ImportError as error:  # as when no descriptor is left
        raise OSError(f"psutil can't be loaded: {error}") from None
    return psutil


def _counted(process: "psutil.Process") -> ProcessStats:
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
    """Bytes that the C heap has handed out, where psutil can tell."""
    try:
        return int(_psutil().heap_info().heap_used)
    except (AttributeError, OSError, NotImplementedError):
        return None


def descriptor_kinds(pid: int | None = None) -> dict[str, int]:
    """Open descriptors of a process (by default of this one) by what they are: socket, pipe, /dev/ptmx, file ...

    Empty where there is no /proc.
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
            continue  # the one by which the list was read
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
