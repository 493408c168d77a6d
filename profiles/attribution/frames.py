"""Which line of a stack is to blame: by whose code each line is. Pure, but for the paths of what is installed.

A stack is (file, line) pairs, the innermost call first, as tracemalloc and memray give them.
"""

import functools
import sysconfig
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeAlias

import mobifai
import soak

Frame: TypeAlias = tuple[str, int]
Stack: TypeAlias = tuple[Frame, ...]


class Role(StrEnum):
    """Whose code a file is."""

    OWN = "own"
    """The program that is examined: the agent, what was planted in it, scripts of anybody else."""
    FOUNDATION = "foundation"
    """The agent's own containers and what tells plants of events: whoever calls them is to blame."""
    LIBRARY = "library"
    PYTHON = "python"
    TOOL = "tool"
    """What measures."""
    WRAPPER = "wrapper"
    """What stands around a function while it is watched: it is on every stack, and to blame for none."""


_MOBIFAI: Final = str(Path(mobifai.__file__).parent)
_SOAK: Final = str(Path(soak.__file__).parent)
_PROFILES: Final = str(Path(__file__).parents[1])

_PLACES: Final[Sequence[tuple[str, Role]]] = (
    (f"{_PROFILES}/inside/creation_recorder.py", Role.WRAPPER),
    (f"{_PROFILES}/inside/", Role.TOOL),
    (f"{_SOAK}/inside/", Role.TOOL),
    (f"{_SOAK}/plants/hooks.py", Role.FOUNDATION),
    (f"{_SOAK}/plants/libraries.py", Role.LIBRARY),
    (f"{_MOBIFAI}/bounds/", Role.FOUNDATION),
    (f"{_MOBIFAI}/", Role.OWN),
    (f"{_SOAK}/", Role.OWN),
    ("<frozen", Role.PYTHON),
)
_PYTHON: Final = tuple({f"{sysconfig.get_path(name)}/" for name in ("stdlib", "platstdlib")})
_LOOPS: Final = ("/asyncio/runners.py", "/asyncio/base_events.py", "/asyncio/events.py")
"""Where the event loop is run, and calls what is due."""
_LIBRARIES: Final = ("/site-packages/", "/dist-packages/")


@functools.lru_cache(maxsize=4096)
def role(file: str) -> Role:
    """Whose code this file is."""
    for start, known in _PLACES:
        if file.startswith(start):
            return known
    if any(part in file for part in _LIBRARIES):
        return Role.LIBRARY
    return Role.PYTHON if file.startswith(_PYTHON) else Role.OWN


def above_event_loop(stack: Stack) -> Stack:
    """A stack without what is below the event loop: that started the loop, and called nothing of it."""
    below = next((index for index, (file, _) in enumerate(stack) if file.endswith(_LOOPS)), len(stack))
    return stack[:below] or stack


def responsible_index(stack: Stack) -> int:
    """The index of the line to blame: the innermost of our own, else of a library, else the innermost."""
    for wanted in (Role.OWN, Role.LIBRARY):
        for index, (file, _) in enumerate(above_event_loop(stack)):
            if role(file) is wanted:
                return index
    return 0


def responsible_frame(stack: Stack) -> Frame:
    """That line. Raises IndexError for an empty stack."""
    return stack[responsible_index(stack)]


def is_profiler_stack(stack: Stack) -> bool:
    """Whether something was allocated by, or for, what measures."""
    return not without_wrappers(stack) or any(role(file) is Role.TOOL for file, _ in stack)


def without_wrappers(stack: Stack) -> Stack:
    """A stack without what stands around the innermost call: what that made is the program's."""
    outer = next((index for index, (file, _) in enumerate(stack) if role(file) is not Role.WRAPPER), len(stack))
    return stack[outer:]
