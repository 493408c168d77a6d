"""Runs one `mobifai` command in its own process session, as a user would. Owns the process."""

import asyncio
import ctypes
import os
import shlex
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from benchmarks.evidence.units import RunResult, UnitOutcome

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None

T = TypeVar("T")

END_SECONDS = 60.0
"""Seconds that a command gets, after it is asked to end, to write its report and end its own processes."""
FOREIGN = ("PYTHONPATH", "GITHUB_", "MOBIFAI_")
"""Prefixes of the environment variables that a command does not get."""


@dataclass(frozen=True, slots=True)
class CompletedCommand:
    """A command that has ended: its command line, exit status, and output. A signal gives a negative status."""

    command: str
    status: int
    out: bytes
    err: str

    def failed(self, why: str = "", detail: Mapping[str, Any] | None = None) -> RunResult:
        """Return the result of a run that is neither right nor wrong, with the last lines that the command printed."""
        reason = why or f"exit status {self.status}, no report"
        last = " / ".join([line for line in self.err.splitlines() if line.strip()][-3:])
        return RunResult(UnitOutcome.FAILED, f"{reason}: {last}"[:500] if last else reason, detail or {}, self.command)

    def report(self, form: type[T]) -> T:
        """Return the report of the type `form` that the command printed. Raises ValueError if there is none."""
        return msgspec.json.decode(self.out, type=form)


async def mobifai(words: Sequence[str], folder: Path, seconds: float, cwd: Path | None = None) -> CompletedCommand:
    """Run `mobifai` with `words`, `--json` and a report below `folder`. If it takes longer than `seconds`, end it.

    It runs in the directory `cwd`, or else in `folder`.
    """
    words = [*words, "--report", "report" if cwd is None else str(folder / "report"), "--json"]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mobifai", *words),
        cwd=cwd or folder,
        env={name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        | {"PYTHONSAFEPATH": "1"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
        preexec_fn=_end_with_the_parent,
    )
    shown = shlex.join(["mobifai", *words]).replace(str(folder / "report"), "report")
    try:
        async with asyncio.timeout(seconds):
            out, err = await process.communicate()
    except TimeoutError:
        return CompletedCommand(shown, 0, b"", f"expected it to end within {seconds:g} s; it did not")
    finally:
        await _end(process)
    return CompletedCommand(shown, process.returncode or 0, out, err.decode(errors="replace"))


def _end_with_the_parent() -> None:
    """Let the kernel end this new process if the process that started it is killed (Linux only)."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ask a process to end if it still runs, and kill its whole session after `END_SECONDS`."""
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(END_SECONDS):
            await process.communicate()
    except TimeoutError:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
