"""memray's flame graph of a window of the running agent. Owns the window's file, which is gone at the end."""

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Final

from mobifai.health.control import follow
from profiles.results import ProfileError

RENDER_SECONDS: Final = 300.0


async def flame(socket: Path, seconds: float, out: Path, *, native: bool = False, kept: bool = False) -> float:
    """Trace for so long and write the page: with what is still there at the end if `kept`, else as it was at the peak.

    How many seconds it were: fewer when the window got too large.

    Raises StateError when the agent can't be asked, ProfileError when there is no page.
    """
    if not out.parent.is_dir():
        raise ProfileError(f"{out}: expected a file in a directory that exists; name another one with --out")
    with tempfile.TemporaryDirectory(prefix="mobifai-flame-") as folder:
        file = Path(folder, "window.bin")
        async for told in follow(socket, "profile.trace", {"seconds": seconds, "file": str(file), "native": native}):
            seconds = float(told.get("seconds", seconds))
        await _render(file, out, kept=kept)
        return seconds


async def _render(file: Path, out: Path, *, kept: bool) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "memray", "flamegraph", "--no-web", "--force", "--output", str(out)),
        *(["--leaks"] if kept else []),
        str(file),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(RENDER_SECONDS):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise ProfileError(f"memray could not draw the window: {said.decode(errors='replace').strip()[-500:]}")
