"""A command as a person runs it: copied into a shell, in a folder of its own."""

import asyncio
import os
import sys
from pathlib import Path

LONGEST = 600.0
"""Seconds for a whole run on a machine that has other work too."""


async def run_line(command: str, folder: Path) -> tuple[int, str, str]:
    """Run it with this installation's `mobifai`, to its end: status, output, errors."""
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
