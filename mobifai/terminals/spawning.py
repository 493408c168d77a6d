"""Starts the processes of a terminal. Standard library and ptyprocess only, because the keeper uses it.

A shell leads a session of its own. It ends as in a terminal window: when the last descriptor of the master side is
closed, the kernel sends SIGHUP and SIGCONT to the shell, which passes SIGHUP on to its jobs. Nothing is killed:
programs that ignore SIGHUP (nohup), were disowned or left the session continue. Modules that only some systems, or only
the first shell, need are imported on first use.
"""

import contextlib
import errno
import fcntl
import mmap
import os
import signal
import termios
from collections.abc import Iterator, Mapping, Sequence

RING_PAGE = 4096
"""Size of the first page of a ring's memory, which holds its marks and modes."""

WINDOW_BYTES = 16 << 10
"""The most bytes that are read from a terminal in one step. One system call returns 1 to 5 KB of them."""


_IUTF8 = 0x4000
"""Terminal flag: the input is UTF-8, so Backspace erases a whole character. Python's termios lacks the name on some
systems."""


_MOST_CELLS = 0xFFFF
"""The most rows or columns of a terminal: the kernel stores them in 16 bits."""

_OOM_SCORE_STEP, _MOST_OOM_SCORE = 200, 1000
"""How much higher the agent's OOM score is than this process' score, and the highest score that the kernel allows. Both
are in thousandths of all memory."""


class SpawnError(Exception):
    """A shell could not be started; the text says why and what to do."""


def start_shell(argv: Sequence[str], env: Mapping[str, str], cwd: str, size: tuple[int, int]) -> tuple[int, int]:
    """Start a shell on a new terminal of `size` (rows, columns). Return its pid and the master side's descriptor.

    Raises SpawnError.
    """
    _check_arguments(argv, env, size)
    if not can_be_entered(cwd):
        raise SpawnError(f"expected a directory to start a shell in; found {cwd}")
    _check_terminals_are_left()
    from ptyprocess import PtyProcess  # noqa: PLC0415

    try:
        process = PtyProcess.spawn(list(argv), env=dict(env), dimensions=size, preexec_fn=lambda: _become_login(cwd))
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.EAGAIN, errno.ENOMEM):
            raise SpawnError(
                f"could not start a process for a terminal ({error}): this user's limit (`ulimit -u`) is reached, or "
                "memory is exhausted; end some programs"
            ) from None
        raise SpawnError(
            f"could not start the shell {argv[0]} in {cwd}: {error}; choose another with --shell"
        ) from None
    try:
        master = fcntl.fcntl(process.fd, fcntl.F_DUPFD_CLOEXEC, 3)
    except OSError as error:
        process.close(force=True)
        raise SpawnError(f"no file descriptor is left for a new terminal ({error}); close some terminals") from None
    os.set_blocking(master, False)
    process.fileobj.close()
    process.closed = True  # its destructor would hang up and wait
    return process.pid, master


def _check_arguments(argv: Sequence[str], env: Mapping[str, str], size: tuple[int, int]) -> None:
    """Raise SpawnError for arguments with which no program can start.

    ptyprocess would fail in the forked process, which would then continue as a copy of this one.
    """
    try:
        encoded = [os.fsencode(word) for word in (*argv, *env.keys(), *env.values())]
        fits = bool(argv) and all(0 <= cells <= _MOST_CELLS for cells in size)
    except (TypeError, ValueError):
        raise SpawnError("expected a program, arguments and environment as strings, and a size in cells") from None
    if not fits or any(b"\0" in word for word in encoded) or any(not name or "=" in name for name in env):
        raise SpawnError("expected a program, arguments and environment without NUL, and a valid terminal size")


def can_be_entered(directory: str) -> bool:
    """Return whether a shell can start in a directory."""
    return os.path.isdir(directory) and os.access(directory, os.X_OK)  # noqa: PTH112 - pathlib needs more memory


def _become_login(cwd: str) -> None:
    """Set up this forked process, which is about to become a shell, as a login would. ptyprocess reports exceptions.

    Ignored and blocked signals survive an exec: Python ignores SIGPIPE and SIGXFSZ, nohup ignores SIGHUP, and a shell
    ignores SIGINT and SIGQUIT for background jobs.
    """
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        with contextlib.suppress(OSError, ValueError):  # reserved by the C library
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    attributes = termios.tcgetattr(0)
    attributes[0] |= _IUTF8
    termios.tcsetattr(0, termios.TCSANOW, attributes)
    os.chdir(cwd)


def _check_terminals_are_left() -> None:
    """Raise SpawnError if no terminal can be allocated: ptyprocess would fail with a pipe left open."""
    descriptors: list[int] = []
    try:
        descriptors += os.openpty()
        descriptors += os.pipe()
    except OSError as error:
        raise SpawnError(
            f"could not allocate a terminal ({error}): close some terminals, or run `mobifai doctor`"
        ) from None
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def ring_bytes(capacity: int) -> int:
    """Return the size, in bytes, of the memory for a ring of this capacity."""
    return RING_PAGE + capacity + WINDOW_BYTES


def ring_descriptor(capacity: int) -> int:
    """Return a descriptor of anonymous zeroed memory for a ring. Raises OSError."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("mobifai-ring", os.MFD_CLOEXEC)
    else:
        import tempfile  # noqa: PLC0415

        descriptor, name = tempfile.mkstemp(prefix="mobifai-ring-")
        os.unlink(name)  # noqa: PTH108 - pathlib needs more memory than this module
    os.ftruncate(descriptor, ring_bytes(capacity))
    return descriptor


def map_ring(descriptor: int) -> mmap.mmap:
    """Map the memory of a ring's descriptor."""
    return mmap.mmap(descriptor, 0)


def kill_first_without_memory(pid: int) -> None:
    """Make Linux kill the process `pid` before this process and the shells when memory runs out, if permitted."""
    try:
        with open("/proc/self/oom_score_adj") as own, open(f"/proc/{pid}/oom_score_adj", "w") as score:  # noqa: PTH123
            score.write(str(min(_MOST_OOM_SCORE, int(own.read()) + _OOM_SCORE_STEP)))
    except (OSError, ValueError):  # not Linux, or not permitted
        pass


def exit_status(pid: int) -> int | None:
    """Reap a child. Return its exit status, negative for a signal, or None while it runs. Raises ChildProcessError."""
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def ended_children() -> Iterator[tuple[int, int]]:
    """Reap every child that has ended. Yield each one's pid and exit status, which is negative for a signal.

    In the first process of a container this includes orphans. No other code of the process may wait for children.
    """
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        yield pid, os.waitstatus_to_exitcode(status)
