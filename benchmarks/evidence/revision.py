"""The revision that the evidence is about: a digest of the sources that affect it, the commit, and the machine."""

import hashlib
import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import mobifai
from benchmarks.evidence.units import PACKAGES
from mobifai.errors import MobiFaiError
from profiles.gate.workload import code_of

LOCK = "requirements/lock.txt"
STORED_FIGURES = ("profiles/baseline.json", "profiles/accepted.toml")
"""Data of the memory gate that no unit reads."""
DIGITS = 12


class RevisionError(MobiFaiError):
    """The revision can't be determined: this is not a git checkout, or git is missing."""


class Origin(NamedTuple):
    """The commit and the machine of a result, as texts for the page."""

    commit: str
    machine: str


def digest(root: Path, paths: Iterable[str], python: str | None = None) -> str:
    """Return a digest of the files below these paths and of Python's version (`python`, or that of this Python).

    The files are read as they are on disk; those that git ignores are left out. Of Python files only the code counts:
    a new comment or docstring keeps the digest. Raises RevisionError.
    """
    total = hashlib.sha256((python or platform.python_version()).encode())
    for name in _sources(root, paths):
        total.update(f"\0{name}\0{hashlib.sha256(_relevant(root / name)).hexdigest()}".encode())
    return total.hexdigest()[:DIGITS]


def _relevant(file: Path) -> bytes:
    """Return the part of a file that counts for the digest: of a Python file, its code without comments and docstrings.

    Of any other file, all content counts.
    """
    content = file.read_bytes()
    return code_of(content.decode()).encode() if file.suffix == ".py" else content


def _sources(root: Path, paths: Iterable[str]) -> list[str]:
    named = _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *paths).split("\0")
    return [name for name in sorted({*named} - {"", *STORED_FIGURES}) if (root / name).is_file()]


def revision(root: Path, packages: Iterable[str], sources: tuple[str, ...] = ()) -> str:
    """Return the revision of a kind of evidence.

    It consists of the digest of `packages`, those of MobiFai's packages that the kind's units run, and the digest of
    `sources`, on which only this kind depends.
    """
    product = digest(root, (*packages, LOCK))
    return f"{product}-{digest(root, sources)}" if sources else product


def origin(root: Path) -> Origin:
    """Return the commit of the checkout, followed by the reasons of `inexact`, and a description of the machine."""
    commit = _git(root, "rev-parse", f"--short={DIGITS}", "HEAD").strip()
    system = f"{platform.system()} {platform.machine()}, {os.cpu_count() or 1} CPUs"
    python = f"{platform.python_implementation()} {platform.python_version()}"
    c_library = " ".join(platform.libc_ver()).strip() or sys.platform
    return Origin(", ".join([commit, *inexact(root)]), f"{system}, {python}, {c_library}")


def inexact(root: Path) -> list[str]:
    """Return the reasons why results made now are not exactly those of the commit: edits outside docs/, or no wheel."""
    changed = _git(root, "status", "--porcelain", "--", ".", ":(exclude)docs").strip()
    return [*(["dirty"] if changed else []), *([] if _is_installed(root) else ["not its wheel"])]


def _is_installed(root: Path) -> bool:
    """Return whether the imported mobifai is an installed wheel with the same sources as the checkout."""
    place = Path(mobifai.__file__).resolve().parents[1]
    names = [name for name in _sources(root, PACKAGES) if name.endswith(".py")]
    return "site-packages" in place.parts and all(_content(place / name) == _content(root / name) for name in names)


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def _git(root: Path, *words: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(root), *words], check=True, capture_output=True, text=True)  # noqa: S603, S607
    except (OSError, subprocess.CalledProcessError) as error:
        reason = getattr(error, "stderr", "") or str(error)
        raise RevisionError(f"{root}: expected a git checkout; git says: {reason.strip()}") from None
    return done.stdout
