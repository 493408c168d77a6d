"""The state directory: who may read it, whether it can be written, and whether what is in it is whole."""

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
"""Room for the logs, the databases, and a day of everything else that a machine writes."""

DATABASE_SECONDS = 5.0
_MOST_FILES = 1000


def state_directory(subject: CheckedInstallation) -> CheckResult:
    """Ours, writable, and closed to others, with all that is in it."""
    path = subject.state_dir
    if not path.exists():
        return _not_made_yet(path)
    if not path.is_dir():
        return problem(f"{path} is not a directory", "move it away, or choose another with --state-dir")
    if not os.access(path, os.W_OK | os.X_OK):
        return problem(f"{path} can't be written", "make it writable, or choose another with --state-dir")
    files = list(files_of(path))
    foreign = [file for file, found in files if found.st_uid != os.getuid()]
    if foreign:
        return problem(f"{_names(foreign)} belong(s) to somebody else", f"sudo chown -R {os.getuid()} {path}")
    readable = [file for file, found in files if found.st_mode & 0o077 and not stat.S_ISLNK(found.st_mode)]
    if readable:
        return problem(f"others on this machine may reach {_names(readable)}", f"chmod -R go-rwx {path}")
    return ok(f"{path} is ours alone")


def _not_made_yet(path: Path) -> CheckResult:
    parent = next(parent for parent in path.absolute().parents if parent.exists())
    if os.access(parent, os.W_OK | os.X_OK):
        return ok(f"{path} is made at the first start")
    return problem(f"{path} can't be made in {parent}", "make it writable, or choose another with --state-dir")


def files_of(path: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """The directory and what is in it; files that go meanwhile are left out."""
    for file in (path, *islice(path.rglob("*"), _MOST_FILES)):
        with contextlib.suppress(FileNotFoundError):
            yield file, file.lstat()


def _names(files: list[Path]) -> str:
    more = f" and {len(files) - 3} more" if len(files) > 3 else ""
    return ", ".join(file.name for file in files[:3]) + more


def control_socket(subject: CheckedInstallation) -> CheckResult:
    """Whether the socket by which commands reach the agent has a path that the system takes."""
    path = StateDir(subject.state_dir.absolute()).control_socket
    length = len(os.fsencode(path))
    if length > MAX_SOCKET_PATH:
        return problem(f"its path has {length} bytes, of {MAX_SOCKET_PATH}: {path}", "set TMPDIR to a shorter path")
    if path.parent == subject.state_dir.absolute():
        return ok(f"its path has {length} bytes, of {MAX_SOCKET_PATH}")
    if path.parent.exists() and path.parent.lstat().st_uid != os.getuid():
        return problem(f"{path.parent} belongs to somebody else", "choose a shorter --state-dir, or set TMPDIR")
    return ok(f"it is {path}, since the state directory's path is too long for one")


def disk(subject: CheckedInstallation) -> CheckResult:
    """Room on the disk of the state directory."""
    place = subject.state_dir.absolute()
    while not place.exists():
        place = place.parent
    found = os.statvfs(place)
    free = found.f_bavail * found.f_frsize
    room = f"{free / 1e6:,.0f} MB are free"
    if free < NEEDED_BYTES or (found.f_files and not found.f_favail):
        what = room if free < NEEDED_BYTES else "no inodes are left for new files"
        return problem(f"{what} on the disk of {place}", "free some, or choose another --state-dir")
    if free < WANTED_BYTES:
        return warning(f"{room} on the disk of {place}", "free some before it is full")
    return ok(room)


def databases(subject: CheckedInstallation) -> CheckResult:
    """Whether SQLite can read its files, whole."""
    deadline = time.monotonic() + DATABASE_SECONDS
    files = sorted(islice(subject.state_dir.glob("*.sqlite"), 16))
    for file in files:
        wrong = _quick_check(file, deadline)
        if wrong:
            return problem(f"{file.name}: {wrong}", f"move it away; MobiFai begins a new one: {file}")
    aside = list(subject.state_dir.glob("*.sqlite.kept-*"))
    if aside:
        return warning(f"set aside, since they could not be used: {_names(aside)}", "remove them if nothing is missing")
    return ok(f"{len(files)} are whole" if files else "none yet")


def _quick_check(file: Path, deadline: float) -> str:
    """Return the problem with a file, or an empty text. A check that takes too long has no result."""
    try:
        with contextlib.closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=1)) as db:
            db.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
            (answer,) = db.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        return "" if "interrupted" in str(error) else str(error)
    return "" if answer == "ok" else str(answer)
