"""Atomic writing of files, values that JSON can represent, and the error of report directories."""

import math
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from mobifai.errors import MobiFaiError


class ReportError(MobiFaiError):
    """A report directory can't be used, read or written."""


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` to a draft, and rename the draft to `path`.

    Even if the process is killed, readers find either the old or the new file. The file is not synced to the disk, so
    it may be the old one after a power failure. Raises ReportError.
    """
    draft = draft_of(path)
    try:
        draft.write_bytes(data)
        draft.replace(path)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise ReportError(
            f"{path}: can't be written ({reason(error)}); free some space, or use another --report"
        ) from None


def draft_of(path: Path) -> Path:
    """Return the path to which the new content of the file `path` is written before it replaces the old file."""
    return path.with_name(f".{path.name}.draft")


def reason(error: OSError) -> str:
    """Return the system's message for an error, without the file name."""
    return error.strerror or type(error).__name__


def make_directory(path: Path, advice: str) -> list[Path]:
    """Create a directory with its parents, or check that it is writable. Return the created directories, innermost
    first.

    Raises ReportError.
    """
    missing = [one for one in (path, *path.parents) if not os.path.lexists(one)]
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise ReportError(f"{path}: expected a directory, found a file; {advice}") from None
    except OSError as error:
        raise ReportError(f"{path}: can't be created ({reason(error)}); {advice}") from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise ReportError(f"{path}: expected a writable directory, found one that is not writable; {advice}")
    return missing


def remove_empty(made: Iterable[Path]) -> None:
    """Remove the directories `made`, in this order, up to the first that is not empty."""
    with suppress(OSError):
        for path in made:
            path.rmdir()


def plain_values(value: Any) -> Any:
    r"""Return a value of builtin types in a form that JSON can represent.

    NaN and infinity become 0. Bytes that are not UTF-8 become text such as `\udc80`.
    """
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, float):
        return value if math.isfinite(value) else 0.0
    if isinstance(value, dict):
        return {plain_values(key): plain_values(one) for key, one in value.items()}
    return [plain_values(one) for one in value] if isinstance(value, list | tuple) else value
