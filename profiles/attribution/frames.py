"""Finds the responsible line of a stack: the line to blame for the memory that the stack allocated.

The line is chosen by the role of each file on the stack, such as MobiFai's code, a library or the profiler. A stack is
a tuple of (file, line) pairs, the innermost call first. Pure, except that it looks up where packages are installed.
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
    """The part of the system that a file belongs to."""

    OWN = "own"
    """The program under examination: the agent, planted leaks, and other scripts."""
    FOUNDATION = "foundation"
    """The agent's bounded containers, and the hooks of planted leaks. Their callers are responsible for memory."""
    LIBRARY = "library"
    PYTHON = "python"
    TOOL = "tool"
    """The profiler."""
    WRAPPER = "wrapper"
    """The profiler's wrappers around functions whose calls it records. They are on the stack of every recorded call,
    and are never responsible."""


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
    ("<", Role.PYTHON),  # code without a file, such as the methods of a namedtuple
)
_PYTHON: Final = tuple({f"{sysconfig.get_path(name)}/" for name in ("stdlib", "platstdlib")})
_LOOPS: Final = ("/asyncio/runners.py", "/asyncio/base_events.py", "/asyncio/events.py")
"""Files whose code runs the event loop and its callbacks."""
_LIBRARIES: Final = ("/site-packages/", "/dist-packages/")


@functools.lru_cache(maxsize=4096)
def role(file: str) -> Role:
    """Return the part of the system that a file belongs to."""
    for start, known in _PLACES:
        if file.startswith(start):
            return known
    if any(part in file for part in _LIBRARIES):
        return Role.LIBRARY
    return Role.PYTHON if file.startswith(_PYTHON) else Role.OWN


def above_event_loop(stack: Stack) -> Stack:
    """Return the frames of a stack that the event loop called: a callback or coroutine, and the functions it called.

    The frames of the loop, and of the code that started the loop, are left out. If nothing would be left, or if the
    loop is not on the stack, the whole stack is returned.
    """
    below = next((index for index, (file, _) in enumerate(stack) if file.endswith(_LOOPS)), len(stack))
    return stack[:below] or stack


def responsible_index(stack: Stack) -> int:
    """Return the index of the responsible line in a stack.

    That is the innermost line of MobiFai's own code. If there is none, it is the innermost line of a library. If there
    is none of these either, it is the innermost line of the stack, and the index is 0.
    """
    for wanted in (Role.OWN, Role.LIBRARY):
        for index, (file, _) in enumerate(above_event_loop(stack)):
            if role(file) is wanted:
                return index
    return 0


def responsible_frame(stack: Stack) -> Frame:
    """Return the responsible line of a stack (see `responsible_index`). Raises IndexError for an empty stack."""
    return stack[responsible_index(stack)]


def is_profiler_stack(stack: Stack) -> bool:
    """Return whether the memory that a stack allocated belongs to the profiler.

    That is so if code of the profiler is on the stack. Its wrappers do not count, unless the stack has nothing else.
    """
    return not without_wrappers(stack) or any(role(file) is Role.TOOL for file, _ in stack)


def without_wrappers(stack: Stack) -> Stack:
    """Return a stack without its innermost frames, as far as these are the profiler's wrappers."""
    outer = next((index for index, (file, _) in enumerate(stack) if role(file) is not Role.WRAPPER), len(stack))
    return stack[outer:]
