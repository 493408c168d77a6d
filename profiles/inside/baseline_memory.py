"""The memory of a process at rest by line: allocations since its start, and the modules that lines imported.

The process must have been traced from its start (`PYTHONTRACEMALLOC=1`; with deeper stacks a start takes 20 times as
long), with `importers` on its path. Keeps nothing.
"""

import collections
import sys
import tracemalloc
from pathlib import Path
from typing import TypedDict

import mobifai

MOST_LINES = 20_000


class LineMemory(TypedDict):
    """Live bytes that a line has allocated. `file` is relative to the directory that contains the package."""

    file: str
    line: int
    bytes: int


class ImportedModule(TypedDict):
    """A module, the line that imported it, and the approximate size of its code."""

    name: str
    file: str
    line: int
    bytes: int


class BaselineMemory(TypedDict):
    """The live memory by line, and the imported modules."""

    lines: list[LineMemory]
    modules: list[ImportedModule]


def baseline_memory() -> BaselineMemory:
    """Return the live bytes by line of mobifai, the largest first, and every module that such a line imported."""
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
    """Return the bytes of a module's file of compiled code, or of its shared library; 0 without a file."""
    module = sys.modules[name]
    spec = getattr(module, "__spec__", None)
    for file in (getattr(spec, "cached", None), getattr(spec, "origin", None)):
        if file and Path(file).is_file():
            return Path(file).stat().st_size
    return 0
