"""What a process has at rest, by line: memory that was traced since it began, and the modules that lines brought in.

For a process that Python has traced from its start (`PYTHONTRACEMALLOC=1`: deeper stacks make the start 20 times as
slow) and that had `importers` on its path. Keeps nothing.
"""

import collections
import sys
import tracemalloc
from pathlib import Path
from typing import TypedDict

import mobifai

MOST_LINES = 20_000


class LineMemory(TypedDict):
    """Bytes that a line has allocated. `file` is below the folder that the package is in."""

    file: str
    line: int
    bytes: int


class ImportedModule(TypedDict):
    """A module, the line that brought it in, and about how much its code takes."""

    name: str
    file: str
    line: int
    bytes: int


class BaselineMemory(TypedDict):
    """All of it."""

    lines: list[LineMemory]
    modules: list[ImportedModule]


def baseline_memory() -> BaselineMemory:
    """Bytes by line, the largest first; every module that a line of mobifai brought in."""
    home = str(mobifai.__path__[0]).removesuffix("mobifai")
    sizes: collections.Counter[tuple[str, int]] = collections.Counter()  # bounded by the lines of the program
    for trace in tracemalloc.take_snapshot().traces:
        frame = trace.traceback[0]
        if frame.filename.startswith(home):
            sizes[frame.filename.removeprefix(home), frame.lineno] += trace.size
    lines: list[LineMemory] = [
        {"file": file, "line": line, "bytes": size} for (file, line), size in sizes.most_common(MOST_LINES)
    ]
    return {"lines": lines, "modules": _modules()}


def _modules() -> list[ImportedModule]:
    importers = sys.modules.get("sitecustomize")
    found: dict[str, tuple[str, int]] = getattr(importers, "found", {})
    return [
        {"name": name, "file": file, "line": line, "bytes": _size(name)}
        for name, (file, line) in found.items() if name in sys.modules
    ]  # fmt: skip


def _size(name: str) -> int:
    """Of its compiled code, or of its library."""
    module = sys.modules[name]
    spec = getattr(module, "__spec__", None)
    for file in (getattr(spec, "cached", None), getattr(spec, "origin", None)):
        if file and Path(file).is_file():
            return Path(file).stat().st_size
    return 0
