"""Measures the memory of a process at rest by line of code: its allocations, and the modules that each line imported.

The process must have been traced since its start (`PYTHONTRACEMALLOC=1`), with the folder `profiles/inside/importers`
on its `PYTHONPATH`. Stacks have one line, because a start with deeper stacks takes 20 times as long.
"""

import collections
import sys
import tracemalloc
from pathlib import Path
from typing import TypedDict

import mobifai

MOST_LINES = 20_000


class LineMemory(TypedDict):
    """The live bytes that a line has allocated.

    `file` is relative to the directory that contains the package `mobifai`.
    """

    file: str
    line: int
    bytes: int


class ImportedModule(TypedDict):
    """An imported module (`name`), the line that imported it, and the approximate size of its code in bytes."""

    name: str
    file: str
    line: int
    bytes: int


class BaselineMemory(TypedDict):
    """The live memory of a process by line, and the modules that its lines imported."""

    lines: list[LineMemory]
    modules: list[ImportedModule]


def baseline_memory() -> BaselineMemory:
    """Return the live bytes of each line of the package `mobifai`, and every module that such a line imported.

    The lines with the most bytes come first.
    """
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
    """Return the size in bytes of the file with a module's compiled code, or 0 if there is no such file.

    For a module in C, that is the size of its shared library.
    """
    module = sys.modules[name]
    spec = getattr(module, "__spec__", None)
    for file in (getattr(spec, "cached", None), getattr(spec, "origin", None)):
        if file and Path(file).is_file():
            return Path(file).stat().st_size
    return 0
