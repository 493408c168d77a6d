"""Detects that base and candidate have the same files. Comparing them would then say nothing about a change.

Reads git and the files of the candidate. Builds nothing.
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
"""Files that determine which libraries a side requires."""


def same_files(checkout: Path, commit: str, tried: SideResult) -> bool:
    """Return whether the package and the requirements of the candidate are the same as at a commit of the checkout.

    `tried` describes the candidate. Raises GitError.
    """
    parts = git(checkout, "ls-tree", "--name-only", commit, "--", PACKAGE, *REQUIRED).decode().split()
    with tarfile.open(fileobj=BytesIO(git(checkout, "archive", "--format=tar", commit, "--", *parts))) as archive:
        files = {one.name: archive.extractfile(one) for one in archive.getmembers() if one.isfile()}
        of_base = {name: file.read() for name, file in files.items() if file is not None and not is_generated(name)}
    return of_base == _files_of(checkout, tried)


def last_other(checkout: Path, commit: str) -> str:
    """Return the newest ancestor of `commit` with another package or other requirements, or "" if git finds none.

    The result is a full hash.
    """
    try:
        changed = git(checkout, "rev-list", "-1", commit, "--", *COMPARED, LOCK).decode().strip()
        return commit_of(checkout, f"{changed}^")
    except GitError:
        return ""


def _files_of(checkout: Path, tried: SideResult) -> dict[str, bytes]:
    """Return the contents of the candidate's files by name, including the files that determine its libraries."""
    if tried.kind == "checkout":
        found = {name: Path(tried.name) / name for name in checkout_files(Path(tried.name))}
    else:
        found = {f"{PACKAGE}/{name}": INSTALLED / name for name in package_files(INSTALLED)}
    found |= {name: checkout / name for name in REQUIRED if (checkout / name).is_file()}
    return {name: file.read_bytes() for name, file in found.items()}
