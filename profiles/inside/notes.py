"""What is noted of the calls that are watched: bounded, and without any object of the program."""

import os
from typing import Any, Final

from profiles.frames import Stack

MOST_NOTED: Final = 4096
"""Descriptors, processes, files, and lines for each of the others."""


def note(notes: dict[Any, Any], key: object, value: object) -> None:
    """Keep the newest: numbers and names are used again."""
    notes.pop(key, None)
    notes[key] = value
    if len(notes) > MOST_NOTED:
        del notes[next(iter(notes))]


def note_path(notes: dict[str, Stack], path: object, stack: Stack) -> None:
    """Note which line made a file. A path that is a descriptor is none."""
    if isinstance(path, str | bytes | os.PathLike):
        note(notes, os.path.abspath(os.fsdecode(path)), stack)  # noqa: PTH100 - no links are followed
