"""A group of processes with a memory limit (Linux, root): beyond it the kernel's OOM killer ends one of them.

Owns the group, a memory cgroup of version 2 or 1, which is gone at the end of the scope. Where this process may not
make one, the test is skipped.
"""

import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.support.eventually import eventually


class MemoryGroup:
    """A memory cgroup. `inside`: the words before a command that run it, and all that it starts, in the group."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._is_v2 = (path / "memory.max").exists()
        self.inside = ("sh", "-c", f'echo $$ > {path}/cgroup.procs && exec "$@"', "sh")

    def limit(self, more: int) -> None:
        """Allow this many bytes more than the group uses now."""
        name = "memory.max" if self._is_v2 else "memory.limit_in_bytes"
        (self._path / name).write_text(str(self._used() + more))

    def unlimit(self) -> None:
        """Remove the limit."""
        if self._is_v2:
            (self._path / "memory.max").write_text("max")
        else:
            (self._path / "memory.limit_in_bytes").write_text("-1")

    def kills(self) -> int:
        """Return how many processes of the group the OOM killer has ended."""
        return self._figures("memory.events" if self._is_v2 else "memory.oom_control")["oom_kill"]

    def _used(self) -> int:
        """Return the private memory of the processes. The kernel frees cached files when memory runs out."""
        return self._figures("memory.stat")["anon" if self._is_v2 else "rss"]

    def _figures(self, name: str) -> dict[str, int]:
        return {word: int(figure) for word, figure in (line.split() for line in _lines(self._path / name))}

    async def remove(self) -> None:
        """End the processes that a failed test left in the group, and remove the group once the kernel allows it."""

        def removed() -> bool:
            for pid in _lines(self._path / "cgroup.procs"):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            with contextlib.suppress(OSError):
                self._path.rmdir()
            return not self._path.exists()

        await eventually(removed)


@asynccontextmanager
async def memory_group() -> AsyncIterator[MemoryGroup]:
    """Create a group without a limit."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("a group with a memory limit takes Linux and root")
    try:
        group = MemoryGroup(Path(mkdtemp(prefix="mobifai-test-", dir=_parent())))
    except OSError as error:
        pytest.skip(f"no group with a memory limit can be made here: {error}")
    try:
        yield group
    finally:
        await group.remove()


def _parent() -> Path:
    """Return the folder for a group within the limits of this process. Raises OSError."""
    own = {controllers: path for _, controllers, path in (line.split(":", 2) for line in _lines("/proc/self/cgroup"))}
    for _, place, kind, options, *_ in (line.split() for line in _lines("/proc/mounts")):
        if kind == "cgroup" and "memory" in options.split(","):
            return Path(place + own["memory"])
    for _, place, kind, *_ in (line.split() for line in _lines("/proc/mounts")):
        if kind == "cgroup2" and (found := _nearest_with_memory(Path(place), Path(place + own[""]))):
            return found
    raise FileNotFoundError("the memory controller is not mounted, or not for groups of this process")


def _nearest_with_memory(root: Path, own: Path) -> Path | None:
    """Return the nearest group of version 2, from this process's own upwards, whose children have memory limits."""
    for group in (own, *own.parents):
        if "memory" in (group / "cgroup.subtree_control").read_text().split():
            return group
        if group == root:
            break
    return None


def _lines(path: str | Path) -> list[str]:
    return Path(path).read_text().splitlines()
