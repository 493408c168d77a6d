"""Checks, before a run, that the machine has what the run needs.

Raises the soft limits of this process where the hard limits allow it, and changes nothing else.
"""

import os
import resource
import shutil
import tempfile
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path

from mobifai.errors import MobiFaiError

REPORT_BYTES = 10**6
"""Disk space for the first report. A disk that fills up later does not end a run."""
TEMPORARY_BYTES = 50 * 10**6
"""Disk space for the state, logs and memray windows of the agents under test."""
DESCRIPTORS = 256
"""Number of descriptors that the harness and an agent need each.

They are used for phones, their connections and the pipes of processes.
"""
MORE_DESCRIPTORS = {"limits": 256}
"""Number of further descriptors by scenario: `limits` fills a relay with all connections that it accepts."""
PROCESSES = 128

MEGABYTE = 10**6


class NotReady(MobiFaiError):
    """The machine lacks something that a run needs."""


def preflight(report: Path, scenarios: Collection[str], environ: Mapping[str, str] = os.environ) -> None:
    """Check that the machine has what a run of these scenarios needs. Without scenarios, only check the disk space for
    the report.

    Raises NotReady for the first unmet need.
    """
    check_disk(report, REPORT_BYTES, "the report", "name another directory with --report")
    if not scenarios:
        return
    check_disk(
        temporary_folder(environ),
        TEMPORARY_BYTES,
        "temporary files",
        "free some space, or set TMPDIR to another directory",
    )
    files = DESCRIPTORS + sum(MORE_DESCRIPTORS.get(name, 0) for name in scenarios)
    check_limit(resource.RLIMIT_NOFILE, files, "open files", "ulimit -n")
    if os.geteuid() != 0:  # the limit does not apply to root
        check_limit(resource.RLIMIT_NPROC, PROCESSES, "processes", "ulimit -u")
    check_terminals()


def temporary_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the directory for temporary files.

    Raises NotReady if TMPDIR names an unusable directory, instead of using another one as Python's `tempfile` does.
    """
    named = environ.get("TMPDIR")
    if named and not (Path(named).is_dir() and os.access(named, os.W_OK | os.X_OK)):
        found = "one that is not writable" if Path(named).is_dir() else "none"
        raise NotReady(f"TMPDIR={named}: expected a directory for temporary files, found {found}; "
                       "create it, or set TMPDIR to another directory")  # fmt: skip
    if named:
        return Path(named)
    try:
        return Path(tempfile.gettempdir())
    except OSError as error:
        raise NotReady(f"expected a directory for temporary files, found none ({error.strerror}); set TMPDIR") from None


def check_disk(folder: Path, least: int, what: str, advice: str) -> None:
    """Raise NotReady, with `advice`, if the disk of `folder` has less than `least` bytes free for `what`."""
    found = shutil.disk_usage(folder).free
    if found < least:
        raise NotReady(f"{folder}: expected {least / MEGABYTE:g} MB of free space for {what}, "
                       f"found {found / MEGABYTE:.1f} MB; {advice}")  # fmt: skip


def check_limit(number: int, least: int, what: str, command: str) -> None:
    """Increase the soft limit of the resource `number` (an RLIMIT constant) to `least` if it is lower.

    Raises NotReady if the hard limit or the system does not allow it. `what` is the noun for the unit of the limit, and
    `command` the shell command that sets it.
    """
    soft, hard = resource.getrlimit(number)
    if soft == resource.RLIM_INFINITY or soft >= least:
        return
    if hard == resource.RLIM_INFINITY or hard >= least:
        with suppress(OSError, ValueError):
            resource.setrlimit(number, (least, hard))
            return
        raise NotReady(_too_few(least, what, soft, command, f"run `{command} {least}`"))
    remedy = "start it from a shell with a higher limit, or have the administrator raise the hard limit"
    raise NotReady(_too_few(least, what, hard, command, remedy))


def _too_few(least: int, what: str, found: int, command: str, remedy: str) -> str:
    return f"expected a limit of at least {least} {what}, found {found} (`{command}`); {remedy}"


def check_terminals(openpty: Callable[[], tuple[int, int]] = os.openpty) -> None:
    """Raise NotReady if no pseudo-terminal can be allocated."""
    try:
        ends = openpty()
    except OSError as error:
        raise NotReady(f"expected a pseudo-terminal, found none ({error.strerror or error}); close some terminals, or "
                       "mount devpts on /dev/pts") from None  # fmt: skip
    for end in ends:
        os.close(end)
