"""Stores what `CreationRecorder` records, in dictionaries of bounded size, without references to recorded objects.

The memory of all records is allocated in this module, so that its stacks show that it belongs to the profiler.
"""

import inspect
import os
from collections import Counter
from types import CodeType
from typing import Any, Final

from profiles.attribution.frames import Role, Stack, role

MOST_FRAMES: Final = 16
MOST_NOTED: Final = 4096
"""Most keys in each dictionary of records."""


def calling_stack() -> Stack:
    """Return the stack that called a wrapped function, the innermost frame first, without the wrapper's own frames.

    Must be called from a wrapper of the profiler.
    """
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
    """Store a value in `notes` under a key. Several values are stored as a tuple.

    The value replaces an earlier one, because descriptors, process ids and paths are reused. If there are more than
    `MOST_NOTED` keys, the oldest is removed. A key that is a number is copied, because the program may have allocated
    the number, and would then seem to leak it.
    """
    if type(key) is int:
        key = key + 0
    notes.pop(key, None)
    notes[key] = value[0] if len(value) == 1 else value
    if len(notes) > MOST_NOTED:
        del notes[next(iter(notes))]


def note_path(notes: dict[str, Stack], path: object, stack: Stack) -> None:
    """Store in `notes` the stack that created the file at `path`. If `path` is a descriptor, do nothing."""
    if isinstance(path, str | bytes | os.PathLike):
        note(notes, os.path.abspath(os.fsdecode(path)), stack)  # noqa: PTH100 - no links are followed


def note_task(notes: dict[str, Stack], code: CodeType | None, stack: Stack) -> None:
    """Store in `notes` the stack that created a task of the coroutine function with the code `code`.

    It replaces the stack of an earlier task of this function. If `code` is None, do nothing.
    """
    if code is not None:
        note(notes, f"{code.co_filename}::{code.co_qualname}".replace(".<locals>", ""), stack)


def count(counts: "Counter[Any]", *key: object) -> None:
    """Increment the count of `key` in `counts`. A new key is ignored if `counts` has `MOST_NOTED` keys already."""
    if key in counts or len(counts) < MOST_NOTED:
        counts[key] += 1
