"""Records of the calls that `CreationRecorder` wraps: bounded, and without references to objects of the program.

All records are allocated in this module, so that their stacks show that they belong to the profiler.
"""

import inspect
import os
from collections import Counter
from types import CodeType
from typing import Any, Final

from profiles.attribution.frames import Role, Stack, role

MOST_FRAMES: Final = 16
MOST_NOTED: Final = 4096
"""Most keys of each record."""


def calling_stack() -> Stack:
    """Return the stack that called a wrapped function, without the wrapper's frames, the innermost frame first."""
    own: Any = inspect.currentframe()
    frame = own.f_back
    while frame is not None and role(frame.f_code.co_filename) is Role.WRAPPER:
        frame = frame.f_back
    found: list[tuple[str, int]] = []
    while frame is not None and len(found) < MOST_FRAMES:
        found.append((frame.f_code.co_filename, frame.f_lineno))
        frame = frame.f_back
    return tuple(found)


def note(notes: dict[Any, Any], key: object, *value: object) -> None:
    """Record a value under a key. It replaces an earlier one, because descriptors, process ids and paths are reused.

    Several values are recorded as a tuple. A key that is a number is copied: the program may have allocated it, and
    would then seem to leak it.
    """
    if type(key) is int:
        key = key + 0
    notes.pop(key, None)
    notes[key] = value[0] if len(value) == 1 else value
    if len(notes) > MOST_NOTED:
        del notes[next(iter(notes))]


def note_path(notes: dict[str, Stack], path: object, stack: Stack) -> None:
    """Record the stack that created the file at `path`. If `path` is a descriptor, nothing is recorded."""
    if isinstance(path, str | bytes | os.PathLike):
        note(notes, os.path.abspath(os.fsdecode(path)), stack)  # noqa: PTH100 - no links are followed


def note_task(notes: dict[str, Stack], code: CodeType | None, stack: Stack) -> None:
    """Record the stack that created the newest task of the coroutine function with this code."""
    if code is not None:
        note(notes, f"{code.co_filename}::{code.co_qualname}".replace(".<locals>", ""), stack)


def count(counts: "Counter[Any]", *key: object) -> None:
    """Increment the count of a key. A new key is ignored if `MOST_NOTED` keys are counted already."""
    if key in counts or len(counts) < MOST_NOTED:
        counts[key] += 1
