"""Measures a server's processes from outside: memory, descriptors, threads, CPU time.

Memory is PSS: each process counts its share of a shared page. Where the system has no PSS, memory is USS.
"""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import psutil

SAMPLE_SECONDS = 0.1


class ProcessUsage(msgspec.Struct, frozen=True):
    """The usage of a process tree. Memory is in bytes; `own_memory` excludes processes that have a terminal."""

    memory: int
    own_memory: int
    descriptors: int
    threads: int
    cpu_seconds: float


def count(root: int) -> ProcessUsage:
    """Return the current usage of the process `root` and its descendants. Raises psutil.NoSuchProcess."""
    found = [one for process in _family(root) if (one := _one(process)) is not None]
    return ProcessUsage(
        memory=sum(one.memory for one in found),
        own_memory=sum(one.own_memory for one in found),
        descriptors=sum(one.descriptors for one in found),
        threads=sum(one.threads for one in found),
        cpu_seconds=sum(one.cpu_seconds for one in found),
    )


def _family(root: int) -> Iterator[psutil.Process]:
    process = psutil.Process(root)
    yield process
    yield from process.children(recursive=True)


def _one(process: psutil.Process) -> ProcessUsage | None:
    with suppress(psutil.NoSuchProcess, psutil.ZombieProcess, FileNotFoundError, ProcessLookupError):
        memory = memory_of(process)
        own = 0 if _has_terminal(process) else memory
        return ProcessUsage(memory, own, process.num_fds(), process.num_threads(), _cpu_seconds(process))
    return None


def _has_terminal(process: psutil.Process) -> bool:
    status = Path(f"/proc/{process.pid}/stat")
    if status.exists():  # psutil knows only the terminals that existed at its first request
        return int(status.read_text().rpartition(")")[2].split()[4]) != 0  # proc_pid_stat(5): tty_nr
    return process.terminal() is not None


def _cpu_seconds(process: psutil.Process) -> float:
    """Return a process's CPU seconds: exact to nanoseconds if the system reports them by thread, else to some 10 ms."""
    threads = list(Path(f"/proc/{process.pid}/task").glob("*/schedstat"))
    if threads:
        return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9
    times = process.cpu_times()
    return float(times.user + times.system)


def memory_of(process: psutil.Process) -> int:
    """Return a process's proportional set size (PSS) in bytes, or its USS if the system has no PSS."""
    rollup = Path(f"/proc/{process.pid}/smaps_rollup")
    if rollup.exists():
        (line,) = [line for line in rollup.read_text().splitlines() if line.startswith("Pss:")]
        return int(line.split()[1]) << 10
    return int(process.memory_full_info().uss)


def own_memory(root: int) -> int:
    """Return the memory of a process tree in bytes, without processes that have a terminal, such as shells."""
    total = 0
    for process in _family(root):
        with suppress(psutil.Error, OSError, ValueError):
            if not _has_terminal(process):
                total += memory_of(process)
    return total


async def peak_memory(root: int, seconds: float) -> int:
    """Watch `own_memory` of a process tree for `seconds` seconds, and return its peak in bytes."""
    clock = asyncio.get_running_loop().time
    end, peak = clock() + seconds, 0
    while clock() < end:
        peak = max(peak, own_memory(root))
        await asyncio.sleep(SAMPLE_SECONDS)
    return peak


async def at_rest(root: int, patience: float) -> ProcessUsage:
    """Wait until the numbers of descriptors and threads are constant for a second, and measure the process tree.

    Wait at most about `patience` seconds.
    """
    clock = asyncio.get_running_loop().time
    end, before = clock() + patience, count(root)
    while True:
        await asyncio.sleep(1.0)
        now = count(root)
        if (now.descriptors, now.threads) == (before.descriptors, before.threads) or clock() > end:
            return now
        before = now
