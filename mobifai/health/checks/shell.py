"""The check that the configured shell starts in a terminal and runs a command."""

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from sys import executable

import psutil

from mobifai.health.checks.check import CheckedInstallation, CheckResult, ok, problem

TYPED = b' echo mobi"fai"-answers\n'
"""The command that is typed into the shell. Its output lacks the quotes, unlike the terminal's echo of the typed text.
The leading space keeps the command out of the history of many shells."""

_ANSWER = b"mobifai-answers"
_AGAIN_SECONDS = 1.5
_MOST_KEPT = 4096
_ON_TERMINAL = "import os, sys; os.login_tty(0); os.execvp(sys.argv[1], sys.argv[1:])"


async def shell(subject: CheckedInstallation) -> CheckResult:
    """Start the shell, type a command, and wait for its output. The caller applies the time limit."""
    program = subject.shell[0]
    if shutil.which(program, path=subject.environment.get("PATH")) is None:
        return problem(f"{program} is not an executable program", "choose another with --shell, or set SHELL")
    try:
        master, slave = os.openpty()
    except OSError as error:
        return problem(f"could not allocate a terminal: {error}", "close programs with terminals; see `terminals`")
    with _descriptor(master):
        with _descriptor(slave):
            process = await _start(subject, slave)
        try:
            return await _talk(master, process, program)
        finally:
            await _end(process)


@contextmanager
def _descriptor(number: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(number)


async def _start(subject: CheckedInstallation, slave: int) -> asyncio.subprocess.Process:
    # Not a fork of this process, which may have threads: a small Python takes the terminal and then execs the shell.
    return await asyncio.create_subprocess_exec(
        *(executable, "-I", "-S", "-c", _ON_TERMINAL, *subject.shell),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=_home(subject),
        env={**subject.environment, "HISTFILE": os.devnull, "fish_history": ""},
    )


def _home(subject: CheckedInstallation) -> str:
    home = subject.environment.get("HOME", "/")
    return home if os.path.isdir(home) and os.access(home, os.X_OK) else "/"  # noqa: PTH112 - pathlib's may raise


async def _talk(master: int, process: asyncio.subprocess.Process, program: str) -> CheckResult:
    began = asyncio.get_running_loop().time()
    async with _reading(master) as (seen, news):
        while True:
            with contextlib.suppress(OSError):
                os.write(master, TYPED)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_AGAIN_SECONDS):
                    while _ANSWER not in seen and process.returncode is None:
                        news.clear()
                        await news.wait()
            if _ANSWER in seen:
                return ok(f"{program} responds after {asyncio.get_running_loop().time() - began:.1f} s")
            if process.returncode is not None:
                return problem(
                    f"{program} exited with status {process.returncode}: {_last_line(seen)}",
                    "run it by hand, check its startup files, or choose another with --shell",
                )


@asynccontextmanager
async def _reading(master: int) -> AsyncIterator[tuple[bytearray, asyncio.Event]]:
    """Yield the terminal's latest output, and an event.

    The output is a buffer that is updated. The event is set at each update and when the output ends.
    """
    loop, seen, news = asyncio.get_running_loop(), bytearray(), asyncio.Event()

    def readable() -> None:
        try:
            data = os.read(master, _MOST_KEPT)
        except OSError:  # the end, on Linux
            data = b""
        if not data:
            loop.remove_reader(master)
        seen.extend(data)
        del seen[:-_MOST_KEPT]
        news.set()

    os.set_blocking(master, False)
    loop.add_reader(master, readable)
    try:
        yield seen, news
    finally:
        loop.remove_reader(master)


def _last_line(seen: bytearray) -> str:
    lines = [line for line in seen.decode(errors="replace").split("\n") if line.strip() and _typed() not in line]
    return repr(lines[-1].strip()) if lines else "no output"


def _typed() -> str:
    return TYPED.decode().strip()


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill all processes of the shell's session with SIGKILL, so that the shell can't save its history."""
    for pid in (process.pid, *_session(process.pid)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    await process.wait()


def _session(leader: int) -> Iterator[int]:
    for pid in psutil.pids():
        with contextlib.suppress(OSError):
            if pid != leader and os.getsid(pid) == leader:
                yield pid
