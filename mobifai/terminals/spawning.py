"""Starting the processes of a terminal. Standard library and ptyprocess only: the keeper uses it.

A shell is the leader of a session of its own. It is ended as a terminal window ends it: when the last descriptor of the
master side is closed, the kernel sends SIGHUP and SIGCONT to the shell, which passes SIGHUP on to its jobs. Nothing is
killed: what ignores SIGHUP (nohup), was disowned or has left the session runs on. What only a system without it or a
first shell needs is imported there.
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
"""The first page of a ring's memory: its marks, and the modes in which it begins."""

WINDOW_BYTES = 16 << 10
"""The most that one read takes; the kernel gives 1 to 5 KB."""


_IUTF8 = 0x4000
"""The terminal's input is UTF-8: Backspace erases a whole character. Python's termios does not name it everywhere."""


_MOST_CELLS = 0xFFFF
"""The most rows or columns of a terminal: the kernel keeps them in 16 bits."""

_OOM_SCORE_STEP, _MOST_OOM_SCORE = 200, 1000
"""How much more readily than this process the agent is killed, in thousandths of all memory; the kernel's maximum."""


class SpawnError(Exception):
    """A shell could not be started; the text says why and what to do."""


def start_shell(argv: Sequence[str], env: Mapping[str, str], cwd: str, size: tuple[int, int]) -> tuple[int, int]:
    """Start a shell on a new terminal of `size` (rows, columns); its pid and the master side. Raises SpawnError."""
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
                f"no process can be started for a terminal ({error}): the system allows this user no more "
                "(`ulimit -u`), or has no memory left; end some programs"
            ) from None
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


def _check_arguments(argv: Sequence[str], env: Mapping[str, str], size: tuple[int, int]) -> None:
    """Raise SpawnError for arguments that no program can be started with.

    ptyprocess would notice in the forked process, which would then go on as a copy of this one.
    """
    try:
        encoded = [os.fsencode(word) for word in (*argv, *env.keys(), *env.values())]
        fits = bool(argv) and all(0 <= cells <= _MOST_CELLS for cells in size)
    except (TypeError, ValueError):
        raise SpawnError("expected a program, arguments and an environment of texts, and a size in cells") from None
    if not fits or any(b"\0" in word for word in encoded) or any(not name or "=" in name for name in env):
        raise SpawnError("expected a program, arguments and an environment without NUL, and a size that a terminal has")


def can_be_entered(directory: str) -> bool:
    """Whether a shell can start in a directory."""
    return os.path.isdir(directory) and os.access(directory, os.X_OK)  # noqa: PTH112 - pathlib is more than this module


def _become_login(cwd: str) -> None:
    """Give this process, which is about to become a shell, what a login gives it. ptyprocess reports what it raises.

    Ignored and blocked signals outlast an exec: Python ignores SIGPIPE and SIGXFSZ, nohup SIGHUP, and a shell SIGINT
    and SIGQUIT for what it runs in the background.
    """
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        with contextlib.suppress(OSError, ValueError):  # the C library keeps some for itself
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    attributes = termios.tcgetattr(0)
    attributes[0] |= _IUTF8
    termios.tcsetattr(0, termios.TCSANOW, attributes)
    os.chdir(cwd)


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


def kill_first_without_memory(pid: int) -> None:
    """Have Linux kill this process before ours and the shells when memory runs out, if it lets us choose."""
    try:
        with open("/proc/self/oom_score_adj") as own, open(f"/proc/{pid}/oom_score_adj", "w") as score:  # noqa: PTH123
            score.write(str(min(_MOST_OOM_SCORE, int(own.read()) + _OOM_SCORE_STEP)))
    except (OSError, ValueError):  # another system, or one that does not allow it
        pass


def exit_status(pid: int) -> int | None:
    """Take a child's exit status, negative for a signal; None while it runs. Raises ChildProcessError."""
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def ended_children() -> Iterator[tuple[int, int]]:
    """Take the exit status of every child that has ended: its pid, and the status as `exit_status` gives it.

    Orphans are among them where this process is the first one of a container. For a process without other code that
    waits for children of its own.
    """
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        yield pid, os.waitstatus_to_exitcode(status)
