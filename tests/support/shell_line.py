"""Runs a command as a user does: copied into a shell, in a separate folder."""

import asyncio
import os
import sys
from pathlib import Path

LONGEST = 600.0
"""Seconds for a whole run on a loaded machine."""


async def run_line(command: str, folder: Path) -> tuple[int, str, str]:
    """Run it with this installation's `mobifai`. Return its status, output and errors."""
    folder.mkdir(parents=True, exist_ok=True)
    process = await asyncio.create_subprocess_exec(
        *("sh", "-c", command),
        cwd=folder,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(LONGEST):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    return process.returncode or 0, out.decode(), err.decode()
