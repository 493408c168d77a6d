"""Everything that lives and was traced since the process began, by the line of ours that it is there for.

For a process that Python has traced from its start (`PYTHONTRACEMALLOC`). Keeps nothing.
"""

import collections
import tracemalloc
from typing import TypedDict

import mobifai
from profiles.frames import blame, is_of_the_tool

FRAMES = 60
"""Of each stack: every import of a module is six calls deeper."""

MOST_LINES = 20_000


class Line(TypedDict):
    """`file` is below the folder that the package is in."""

    file: str
    line: int
    bytes: int


def standing() -> list[Line]:
    """Bytes by line, the largest first."""
    home = str(mobifai.__path__[0]).removesuffix("mobifai")
    sizes: collections.Counter[tuple[str, int]] = collections.Counter()  # bounded by the lines of the program
    for trace in tracemalloc.take_snapshot().traces:
        stack = tuple((frame.filename, frame.lineno) for frame in reversed(trace.traceback))
        if stack and not is_of_the_tool(stack):
            sizes[blame(stack)] += trace.size
    return [
        {"file": file.removeprefix(home), "line": line, "bytes": size}
        for (file, line), size in sizes.most_common(MOST_LINES)
    ]
