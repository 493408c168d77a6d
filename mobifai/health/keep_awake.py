"""Keeps the machine from sleeping while somebody needs it.

It owns the one helper process that holds the machine awake: caffeinate on macOS, systemd-inhibit on Linux. The process
ends when nobody needs it, when its owner closes, and also when this process dies without a word.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys

_log = logging.getLogger(__name__)

RETRY_SECONDS = 60.0
"""Seconds before a helper that ended unexpectedly is started again."""

GRACE_SECONDS = 1.0


def keep_awake_command(platform: str = sys.platform) -> tuple[str, ...]:
    """The command that holds the machine awake until its standard input closes or this process is gone; () for none.

    `cat` waits for the end of its input, which comes however we end; `sleep infinity` would outlive a kill.
    """
    if platform == "darwin":
        return ("caffeinate", "-i", "-w", str(os.getpid()))
    if platform == "linux":
        why = "A terminal or a phone is active"
        return ("systemd-inhibit", "--what=idle:sleep", "--mode=block", "--who=MobiFai", f"--why={why}", "cat")
    return ()


class KeepAwake:
    """`need(True)` holds the machine awake, `need(False)` lets it sleep; neither waits. `async with` owns it all."""

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
        """The helper's process, while there is one."""

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
        """Say whether the machine has to stay awake. Saying the same again changes nothing."""
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
            with contextlib.suppress(TimeoutError):  # it ended unexpectedly: the need may end before the next try
                async with asyncio.timeout(self._retry_seconds):
                    await self._not_needed.wait()

    async def _hold(self) -> None:
        """Keep the machine awake until that is not needed, or the helper ends unexpectedly."""
        if not self._command:
            self._warn("nothing on this system can keep it awake")
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
                self._warn(f"{self._command[0]} ended unexpectedly with status {helper.returncode}: {_said(reader)}")
        finally:
            os.close(reader)

    async def _start(self, errors: int) -> asyncio.subprocess.Process:
        pipe, null = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        try:
            # A session of its own: Ctrl-C in our terminal is not meant for it, and it can't ask there for a password.
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
            _log.warning("this machine may go to sleep while a terminal or a phone is active: %s", why)


def _said(reader: int) -> str:
    os.set_blocking(reader, False)  # a child of the helper may hold the other end
    try:
        return os.read(reader, 1000).decode(errors="replace").strip() or "it said nothing"
    except BlockingIOError:
        return "it said nothing"


async def _end(helper: asyncio.subprocess.Process) -> None:
    """End the helper and what it started: its input closes, then SIGTERM, then SIGKILL."""
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
