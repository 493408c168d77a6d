"""Checks that an output file can be written, before a command begins the work that produces its contents."""

import tempfile
from pathlib import Path

from profiles.results import ProfileError
from soak.report.files import reason

PROBE_BYTES = 1 << 16


def check_writable(file: Path, option: str) -> Path:
    """Return the absolute path of `file` if it can be written.

    `option` is the command-line option that named the file. Raises ProfileError if the file can't be written; the
    message asks for another file with that option.
    """
    file = file.resolve()
    if not file.parent.is_dir():
        raise ProfileError(f"{file}: expected a file in a directory that exists; name another one with {option}")
    if file.exists() and not file.is_file():
        raise ProfileError(
            f"{file}: expected a file to write; found a directory or a device; name another one with {option}"
        )
    try:
        with tempfile.TemporaryFile(dir=file.parent) as probe:
            probe.write(bytes(PROBE_BYTES))
            probe.flush()
    except OSError as error:
        raise ProfileError(f"{file}: can't be written ({reason(error)}); name another one with {option}") from None
    return file
