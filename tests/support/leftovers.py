"""Leftovers of some work in this process: threads, descriptors, child processes, tasks. Nothing is

closed here. A snapshot is taken before, and what is there beyond it afterwards is
distinguished by kind and target, after they had time to go.
"""

import asyncio
import gc
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

_OWN_DESCRIPTORS = Path("/proc/self/fd")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The present state. `descriptors` maps a number to its target; it is empty if the system reports no targets."""

    threads: frozenset[int]
    descriptors: Mapping[int, str]
    descriptor_count: int
    children: frozenset[tuple[int, float]]


def take() -> Snapshot:
    """Return the state of this process."""
    descriptors = dict(_descriptors())
    return Snapshot(
        threads=frozenset(id(thread) for thread in threading.enumerate()),
        descriptors=descriptors,
        descriptor_count=len(descriptors) if _OWN_DESCRIPTORS.exists() else psutil.Process().num_fds(),
        children=frozenset((child.pid, child.create_time()) for child in _children()),
    )


def _descriptors() -> Iterator[tuple[int, str]]:
    if not _OWN_DESCRIPTORS.exists():
        return
    for number in os.listdir(_OWN_DESCRIPTORS):  # noqa: PTH208 - iterdir keeps the listing's own descriptor open
        try:
            yield int(number), os.readlink(_OWN_DESCRIPTORS / number)  # noqa: PTH115 - targets are no paths
        except FileNotFoundError:
            continue  # the listing's own


def _children() -> list[psutil.Process]:
    # The process is looked up each time, because psutil caches facts about a Process that fork changes.
    return psutil.Process().children(recursive=True)


def since(before: Snapshot) -> list[str]:
    """Return the leftovers beyond a snapshot, one line each."""
    return [*_new_threads(before), *_new_descriptors(before), *_new_children(before)]


def _new_threads(before: Snapshot) -> Iterator[str]:
    for thread in threading.enumerate():
        if id(thread) not in before.threads and thread.is_alive():
            yield f"thread {thread.name!r} running {getattr(thread, '_target', None) or type(thread).__name__}"


def _new_descriptors(before: Snapshot) -> Iterator[str]:
    if not _OWN_DESCRIPTORS.exists():
        more = psutil.Process().num_fds() - before.descriptor_count
        if more > 0:
            yield f"{more} descriptors more than before; open now: {', '.join(_named_by_psutil()) or 'unnamed ones'}"
        return
    for number, target in sorted(_descriptors()):
        if before.descriptors.get(number) != target:
            yield f"descriptor {number}: {_describe(number, target)}"


def _describe(number: int, target: str) -> str:
    if not target.startswith("socket:"):
        return target
    for connection in psutil.Process().net_connections(kind="all"):
        if connection.fd == number:
            ends = f"{_end(connection.laddr)} -> {_end(connection.raddr)} {connection.status}"
            return f"{target} {connection.family.name} {connection.type.name} {ends}"
    return target


def _end(address: object) -> str:
    if isinstance(address, str):
        return address or "-"
    return ":".join(str(part) for part in address) if isinstance(address, tuple) and address else "-"


def _named_by_psutil() -> list[str]:
    process = psutil.Process()
    sockets = [f"{_end(each.laddr)} -> {_end(each.raddr)}" for each in process.net_connections(kind="all")]
    return sockets + [each.path for each in process.open_files()]


def _new_children(before: Snapshot) -> Iterator[str]:
    for child in _children():
        with suppress(psutil.NoSuchProcess):
            if (child.pid, child.create_time()) not in before.children:
                yield f"child process {child.pid} ({child.status()}): {_command(child)}"


def _command(child: psutil.Process) -> str:
    with suppress(psutil.ZombieProcess):
        return " ".join(child.cmdline())
    return f"{child.name()}, ended and not waited for"


def waits(seconds: float) -> Iterator[float]:
    """Yield after growing pauses, for `seconds` in all. Time between the pauses counts too."""
    pause, end = 0.005, time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        yield min(pause, left)
        pause *= 1.6


def settle(before: Snapshot, seconds: float, look: Callable[[Snapshot], list[str]] = since) -> list[str]:
    """Return the leftovers that stay beyond a snapshot for `seconds`."""
    left = look(before)
    for pause in waits(seconds):
        if not left:
            break
        gc.collect()
        time.sleep(pause)
        left = look(before)
    return left


async def settle_in_loop(before: Snapshot, seconds: float, tasks: Callable[[], list[str]]) -> list[str]:
    """Return the tasks that stay for `seconds`. Descriptors and children get the same time, in the running loop."""
    left = tasks()
    for pause in waits(seconds):
        if not left and not _may_go(before):
            break
        gc.collect()
        await asyncio.sleep(pause)
        left = tasks()
    return left


def _may_go(before: Snapshot) -> list[str]:
    # libuv opens /dev/null with a loop's first listener, as a reserve for when descriptors run out, until it closes.
    return [one for one in [*_new_descriptors(before), *_new_children(before)] if not one.endswith(": /dev/null")]


def made_at(skip: tuple[str, ...]) -> str:
    """Where, outside the files that `skip` begins the names of, the calling code stands."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(skip):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_qualname}"
