"""Keeps the machine from sleeping while a terminal or a phone is active.

Owns the helper process that inhibits sleep: caffeinate on macOS, systemd-inhibit on Linux. The helper ends when it is
no longer needed, when its `KeepAwake` closes, and when this process is killed.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys

_log = logging.getLogger(__name__)

RETRY_SECONDS = 60.0
"""The delay in seconds before a helper that ended unexpectedly is started again."""

GRACE_SECONDS = 1.0


def keep_awake_command(platform: str = sys.platform) -> tuple[str, ...]:
    """Return the command that inhibits sleep until its standard input closes or this process ends.

    Return () on other systems than macOS and Linux. On Linux, the command runs `cat`, whose standard input closes even
    if this process is killed.
    """
    if platform == "darwin":
        return ("caffeinate", "-i", "-w", str(os.getpid()))
    if platform == "linux":
        why = "A terminal or a phone is active"
        return ("systemd-inhibit", "--what=idle:sleep", "--mode=block", "--who=MobiFai", f"--why={why}", "cat")
    return ()


class KeepAwake:
    """Keeps the machine from sleeping after `need(True)`, and lets it sleep after `need(False)`.

    `need` does not wait for the helper process to start or end.
    """

    def __init__(self, command: tuple[str, ...] | None = None, retry_seconds: float = RETRY_SECONDS) -> None:
        self._command = keep_awake_command() if command is None else command
        self._retry_seconds = retry_seconds
        self._needed = asyncio.Event()
        self._not_needed = asyncio.Event()
        self._not_needed.set()
        self._task: asyncio.Task[None] | None = None
        self._warned = False
        self._closing = False
        self.pid: int | None = None
        """The helper's process id while it runs."""

    async def __aenter__(self) -> "KeepAwake":
        self._task = asyncio.create_task(self._run(), name="keep-awake")
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._task is not None:
            self.need(False)
            self._closing = True
            self._needed.set()
            await self._task
            self._task = None

    def need(self, needed: bool) -> None:
        """Set whether the machine has to stay awake. Idempotent."""
        if not self._closing:
            wanted, other = (self._needed, self._not_needed) if needed else (self._not_needed, self._needed)
            wanted.set()
            other.clear()

    async def _run(self) -> None:
        while True:
            await self._needed.wait()
            if self._closing:
                return
            await self._hold()
            with contextlib.suppress(TimeoutError):  # it ended unexpectedly: wait before the next try
                async with asyncio.timeout(self._retry_seconds):
                    await self._not_needed.wait()

    async def _hold(self) -> None:
        """Run the helper process until it is no longer needed or ends unexpectedly."""
        if not self._command:
            self._warn("expected macOS or Linux; this system has no supported way to inhibit sleep")
            return
        reader, writer = os.pipe()
        try:
            helper = await self._start(writer)
        except OSError as error:
            self._warn(f"{self._command[0]} can't be started: {error.strerror}")
        else:
            self.pid = helper.pid
            await self._until_enough(helper)
            self.pid = None
            if not self._not_needed.is_set():
                self._warn(f"{self._command[0]} ended unexpectedly with status {helper.returncode}: {_output(reader)}")
        finally:
            os.close(reader)

    async def _start(self, errors: int) -> asyncio.subprocess.Process:
        pipe, null = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        try:
            # In a session of its own, the helper gets no Ctrl-C from our terminal, and can't ask for a password there.
            return await asyncio.create_subprocess_exec(
                *self._command, stdin=pipe, stdout=null, stderr=errors, start_new_session=True
            )
        finally:
            os.close(errors)

    async def _until_enough(self, helper: asyncio.subprocess.Process) -> None:
        ended = asyncio.create_task(helper.wait(), name="keep-awake-helper")
        enough = asyncio.create_task(self._not_needed.wait(), name="keep-awake-enough")
        try:
            await asyncio.wait([ended, enough], return_when=asyncio.FIRST_COMPLETED)
        finally:
            enough.cancel()
            await asyncio.gather(_end(helper), enough, return_exceptions=True)
            await ended

    def _warn(self, why: str) -> None:
        if not self._warned:
            self._warned = True
            _log.warning("this machine may sleep while a terminal or a phone is active: %s", why)


def _output(reader: int) -> str:
    os.set_blocking(reader, False)  # a child of the helper may hold the other end
    try:
        return os.read(reader, 1000).decode(errors="replace").strip() or "no output"
    except BlockingIOError:
        return "no output"


async def _end(helper: asyncio.subprocess.Process) -> None:
    """End the helper process and its children. Close its input, then send SIGTERM and SIGKILL if it still runs."""
    assert helper.stdin is not None  # noqa: S101
    helper.stdin.close()
    for number in (signal.SIGTERM, signal.SIGKILL):
        if helper.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(helper.pid, number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE_SECONDS):
                await helper.wait()
                return
