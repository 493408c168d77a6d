"""Checks of the state directory: permissions, sockets, disk space and databases."""

import contextlib
import os
import sqlite3
import stat
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from mobifai.health.checks.check import CheckedInstallation, CheckResult, ok, problem, warning
from mobifai.limits import LOG_FILE, LOG_FILES
from mobifai.state import MAX_SOCKET_PATH, StateDir

NEEDED_BYTES = 20 << 20
WANTED_BYTES = LOG_FILES.value * LOG_FILE.value + (200 << 20)
"""The free disk space, in bytes, below which a warning is given. It is enough for logs and databases, and for what
other programs write in a day."""

DATABASE_SECONDS = 5.0
_MOST_FILES = 1000


def state_directory(subject: CheckedInstallation) -> CheckResult:
    """Check that the state directory is writable and private.

    It and its files have to belong to this user, and other users must not have access to them.
    """
    path = subject.state_dir
    if not path.exists():
        return _not_made_yet(path)
    if not path.is_dir():
        return problem(f"{path} is not a directory", "move it away, or choose another path with --state-dir")
    if not os.access(path, os.W_OK | os.X_OK):
        return problem(f"{path} is not writable", "make it writable, or choose another path with --state-dir")
    files = list(files_of(path))
    foreign = [file for file, found in files if found.st_uid != os.getuid()]
    if foreign:
        return problem(f"other users own {_names(foreign)}", f"run `sudo chown -R {os.getuid()} {path}`")
    readable = [file for file, found in files if found.st_mode & 0o077 and not stat.S_ISLNK(found.st_mode)]
    if readable:
        return problem(f"other users can access {_names(readable)}", f"run `chmod -R go-rwx {path}`")
    return ok(f"{path} is private")


def _not_made_yet(path: Path) -> CheckResult:
    parent = next(parent for parent in path.absolute().parents if parent.exists())
    if os.access(parent, os.W_OK | os.X_OK):
        return ok(f"{path} does not exist yet; the first start creates it")
    return problem(
        f"{path} can't be created in {parent}", "make that directory writable, or choose another path with --state-dir"
    )


def files_of(path: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield the directory and at most _MOST_FILES files in it, each with its `os.stat_result`.

    Skip files that disappear.
    """
    for file in (path, *islice(path.rglob("*"), _MOST_FILES)):
        with contextlib.suppress(FileNotFoundError):
            yield file, file.lstat()


def _names(files: list[Path]) -> str:
    more = f" and {len(files) - 3} more" if len(files) > 3 else ""
    return ", ".join(file.name for file in files[:3]) + more


def control_socket(subject: CheckedInstallation) -> CheckResult:
    """Check that the control socket's path is short enough, and that no other user owns its directory."""
    path = StateDir(subject.state_dir.absolute()).control_socket
    length = len(os.fsencode(path))
    if length > MAX_SOCKET_PATH:
        return problem(
            f"expected a path of at most {MAX_SOCKET_PATH} bytes for the socket; found {length}: {path}",
            "set TMPDIR to a shorter path",
        )
    if path.parent == subject.state_dir.absolute():
        return ok(f"the path of the socket has {length} of at most {MAX_SOCKET_PATH} bytes")
    if path.parent.exists() and path.parent.lstat().st_uid != os.getuid():
        return problem(f"another user owns {path.parent}", "choose a shorter --state-dir, or set TMPDIR")
    return ok(f"the socket is at {path}, since its path in the state directory is too long")


def disk(subject: CheckedInstallation) -> CheckResult:
    """Check that the disk of the state directory has enough free space."""
    place = subject.state_dir.absolute()
    while not place.exists():
        place = place.parent
    found = os.statvfs(place)
    free = found.f_bavail * found.f_frsize
    space = f"{free / 1e6:,.0f} MB are free"
    if free < NEEDED_BYTES or (found.f_files and not found.f_favail):
        lacking = space if free < NEEDED_BYTES else "no inodes are free"
        return problem(f"{lacking} on the disk of {place}", "free some space, or choose another --state-dir")
    if free < WANTED_BYTES:
        return warning(f"{space} on the disk of {place}", "free some space before the disk is full")
    return ok(space)


def databases(subject: CheckedInstallation) -> CheckResult:
    """Check the integrity of the SQLite databases in the state directory."""
    deadline = time.monotonic() + DATABASE_SECONDS
    files = sorted(islice(subject.state_dir.glob("*.sqlite"), 16))
    for file in files:
        wrong = _quick_check(file, deadline)
        if wrong:
            return problem(f"{file.name}: {wrong}", f"move it away; MobiFai creates a new one: {file}")
    aside = list(subject.state_dir.glob("*.sqlite.kept-*"))
    if aside:
        return warning(f"damaged files were set aside: {_names(aside)}", "remove them if nothing is missing")
    return ok(f"{len(files)} intact" if files else "none yet")


def _quick_check(file: Path, deadline: float) -> str:
    """Return what is wrong with a database file. The text is empty if nothing is, or if the check takes too long."""
    try:
        with contextlib.closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=1)) as db:
            db.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
            (answer,) = db.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        return "" if "interrupted" in str(error) else str(error)
    return "" if answer == "ok" else str(answer)
