"""Starting and ending the processes of a terminal. Standard library and ptyprocess only: the keeper uses it.

A shell is the leader of a session of its own; all that it starts belongs to that session, unless it leaves it on
purpose (a daemon). What only a system without it or a first shell needs is imported there.
"""

import contextlib
import fcntl
import mmap
import os
from collections.abc import Iterator, Mapping, Sequence

RING_PAGE = 4096
"""The first page of a ring's memory: its marks, and the modes in which it begins."""

WINDOW_BYTES = 16 << 10
"""The most that one read takes; the kernel gives 1 to 5 KB."""


class SpawnError(Exception):
    """A shell could not be started; the text says why and what to do."""


def start_shell(argv: Sequence[str], env: Mapping[str, str], cwd: str, size: tuple[int, int]) -> tuple[int, int]:
    """Start a shell on a new terminal of `size` (rows, columns); its pid and the master side. Raises SpawnError."""
    if not os.access(cwd, os.X_OK):  # ptyprocess would raise it in the forked child
        raise SpawnError(f"expected a directory to start a shell in; found {cwd}")
    _check_terminals_are_left()
    from ptyprocess import PtyProcess  # noqa: PLC0415

    try:
        process = PtyProcess.spawn(list(argv), cwd=cwd, env=dict(env), dimensions=size)
    except Exception as error:
        raise SpawnError(
            f"the shell {argv[0]} could not be started in {cwd}: {error}; choose another with --shell"
        ) from None
    try:
        master = fcntl.fcntl(process.fd, fcntl.F_DUPFD_CLOEXEC, 3)
    except OSError as error:
        process.close(force=True)
        raise SpawnError(f"no descriptor is left for a terminal ({error}); close some terminals") from None
    os.set_blocking(master, False)
    process.fileobj.close()
    process.closed = True  # it would hang up and wait in its destructor
    return process.pid, master


def _check_terminals_are_left() -> None:
    """Raise SpawnError when no terminal can be had: ptyprocess leaves a pipe open when it finds that out."""
    descriptors: list[int] = []
    try:
        descriptors += os.openpty()
        descriptors += os.pipe()
    except OSError as error:
        raise SpawnError(f"no terminal can be had ({error}); close some, or `mobifai doctor` says more") from None
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def ring_bytes(capacity: int) -> int:
    """The size of the memory for a ring of this capacity."""
    return RING_PAGE + capacity + WINDOW_BYTES


def ring_descriptor(capacity: int) -> int:
    """A descriptor of zeroed memory for a ring, without a name anywhere. Raises OSError."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("mobifai-ring", os.MFD_CLOEXEC)
    else:
        import tempfile  # noqa: PLC0415

        descriptor, name = tempfile.mkstemp(prefix="mobifai-ring-")
        os.unlink(name)  # noqa: PTH108 - pathlib is more than all of this module
    os.ftruncate(descriptor, ring_bytes(capacity))
    return descriptor


def map_ring(descriptor: int) -> mmap.mmap:
    """The memory behind a ring's descriptor."""
    return mmap.mmap(descriptor, 0)


def reap(pid: int) -> bool:
    """Take a child's exit status; False while it runs."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def signal_session(leader: int, number: int) -> None:
    """Send a signal to every process of a shell's session; those that left it (daemons) are not touched."""
    for pid in [leader, *_members(leader)]:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _members(leader: int) -> Iterator[int]:
    for pid in _all_pids():
        with contextlib.suppress(OSError):
            if pid != leader and os.getsid(pid) == leader:
                yield pid


def _all_pids() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 - names, not paths
    except OSError:  # macOS
        import subprocess  # noqa: PLC0415

        listing = subprocess.run(["/bin/ps", "-axo", "pid="], capture_output=True, check=False)
        return [int(word) for word in listing.stdout.split()]
