"""A page with a fresh xterm from the phone page's own packages, as a reference for the phone page.

Owns its built files, in a folder named after their content, and a server for them on loopback.
"""

import hashlib
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from tests.support import node

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "tests" / "browser" / "reference"
PACKAGES = ROOT / "page" / "node_modules"
BUILD_SECONDS = 120


def built() -> Path:
    """Return the folder with the built page. Raises NodeUnavailable."""
    if not PACKAGES.exists():
        raise node.NodeUnavailable(f"expected the phone page's packages in {PACKAGES}; `npm ci` in page/ brings them")
    home = ROOT / ".cache" / f"fresh_xterm-{_content()}"
    if not home.exists():
        partial = home.with_name(f"{home.name}.{os.getpid()}")
        _build_into(partial)
        partial.rename(home)
    return home


def _content() -> str:
    palettes = ROOT / "page" / "src" / "ui" / "screen" / "palettes.ts"
    files = [*sorted(SOURCE.iterdir()), ROOT / "page" / "package-lock.json", palettes]
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _build_into(folder: Path) -> None:
    vite = PACKAGES / "vite" / "bin" / "vite.js"
    words = [node.find_node().program, str(vite), "build", "--config", str(SOURCE / "vite.config.mjs")]
    done = subprocess.run(
        [*words, "--outDir", str(folder), "--logLevel", "warn"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise node.NodeUnavailable(f"the build of {SOURCE} ended with {done.returncode}:\n{done.stderr[-2000:]}")


@asynccontextmanager
async def fresh_xterm() -> AsyncIterator[str]:
    """Serve the page in this scope, and return its address."""
    app, folder = web.Application(), built()
    app.router.add_static("/", folder)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/index.html"
    finally:
        await runner.cleanup()
