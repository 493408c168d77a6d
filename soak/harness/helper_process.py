"""Runs a helper process within a time limit and returns its output. Owns the process until it has ended."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, PIPE

from mobifai.errors import MobiFaiError

SHOWN_CHARACTERS = 500
"""Number of characters from the end of a process's output that an error message shows."""


class HelperTimeout(MobiFaiError):
    """A helper process did not end within its time limit; it has been killed."""


@dataclass(frozen=True, slots=True)
class HelperResult:
    """The exit status and the output of a process that has ended."""

    status: int
    output: bytes
    errors: bytes

    @property
    def last_words(self) -> str:
        """The end of the process's output and error output, for an error message."""
        return (self.output + self.errors).decode(errors="replace").strip()[-SHOWN_CHARACTERS:]


async def run_helper(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    timeout: float,
    grace: float = 0.0,
) -> HelperResult:
    """Run `command` in `folder` without input, and return its result once it has ended. Raises HelperTimeout, OSError.

    If the process has not ended after `timeout` seconds, or if this call is cancelled, the process gets SIGTERM. It is
    killed if it has not ended `grace` seconds later. If `grace` is 0, it is killed without SIGTERM.
    """
    process = await asyncio.create_subprocess_exec(
        *command, env=dict(environment), cwd=folder, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
    )
    try:
        async with asyncio.timeout(timeout):
            output, errors = await process.communicate()
    except TimeoutError:
        raise HelperTimeout(f"expected {command[0]} to end within {timeout:g} s; it was killed") from None
    finally:
        if process.returncode is None:
            await _end(process, grace)
    return HelperResult(process.returncode or 0, output, errors)


async def _end(process: asyncio.subprocess.Process, grace: float) -> None:
    """End a process. Its output is read meanwhile, because a full pipe would keep it from ending."""
    if grace:
        process.terminate()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await process.communicate()
    if process.returncode is None:
        process.kill()
        await process.wait()
