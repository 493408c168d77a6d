"""Whether both sides of a gate are the same, so that nothing it measures says anything of a change.

Reads git and the files of the candidate. Nothing is built.
"""

import tarfile
from io import BytesIO
from pathlib import Path
from typing import Final

from profiles.gate.candidate import PACKAGE as INSTALLED
from profiles.gate.checkout import (
    COMPARED,
    PACKAGE,
    GitError,
    checkout_files,
    commit_of,
    git,
    is_generated,
    package_files,
)
from profiles.gate.results import SideResult
from profiles.gate.sides import LOCK

REQUIRED: Final = ("pyproject.toml", LOCK)
"""The files that decide which libraries a side runs with."""


def same_files(checkout: Path, commit: str, tried: SideResult) -> bool:
    """Whether a candidate has the files of a commit, whatever its own commit is. Raises GitError."""
    parts = git(checkout, "ls-tree", "--name-only", commit, "--", PACKAGE, *REQUIRED).decode().split()
    with tarfile.open(fileobj=BytesIO(git(checkout, "archive", "--format=tar", commit, "--", *parts))) as archive:
        files = {one.name: archive.extractfile(one) for one in archive.getmembers() if one.isfile()}
        of_base = {name: file.read() for name, file in files.items() if file is not None and not is_generated(name)}
    return of_base == _files_of(checkout, tried)


def last_other(checkout: Path, commit: str) -> str:
    """Return the newest commit before this one whose package is another; empty when there is none."""
    changed = git(checkout, "rev-list", "-1", commit, "--", *COMPARED, LOCK).decode().strip()
    try:
        return commit_of(checkout, f"{changed}^")
    except GitError:
        return ""


def _files_of(checkout: Path, tried: SideResult) -> dict[str, bytes]:
    """The files of a candidate, and what its libraries are installed by."""
    if tried.kind == "checkout":
        found = {name: Path(tried.name) / name for name in checkout_files(Path(tried.name))}
    else:
        found = {f"{PACKAGE}/{name}": INSTALLED / name for name in package_files(INSTALLED)}
    found |= {name: checkout / name for name in REQUIRED if (checkout / name).is_file()}
    return {name: file.read_bytes() for name, file in found.items()}
