"""The npm packages of the servers on Node, installed once into a folder that is named after the lock file's content.

The client needs no others than the tests' phone, which `tests.support.node` installs.
"""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from tests.support.node import Node, NodeUnavailable

ROOT = Path(__file__).parents[2]
SOURCE = Path(__file__).with_name("node")
INSTALL_SECONDS = 300


def servers_home(node: Node) -> Path:
    """The folder with the servers' packages; they are fetched when they are not there. Raises NodeUnavailable."""
    home = ROOT / ".cache" / f"bench_servers-{_content()}"
    if not home.exists():
        home.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home.parent, prefix=f"{home.name}.") as made:
            _install(node, Path(made, "servers"))
            with suppress(OSError):  # somebody else was faster
                Path(made, "servers").rename(home)
    return home


def version_of(home: Path, package: str) -> str:
    """Which version of a package is installed there."""
    found: str = json.loads((home / "node_modules" / package / "package.json").read_text())["version"]
    return found


def _content() -> str:
    digest = hashlib.sha256(f"{platform.system()} {platform.machine()}".encode())
    for name in ("package.json", "package-lock.json"):
        digest.update((SOURCE / name).read_bytes())
    return digest.hexdigest()[:16]


def _install(node: Node, folder: Path) -> None:
    folder.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(SOURCE / name, folder)
    # Scripts stay off: what is native comes ready-made, in a package for each platform.
    command = [*node.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]
    path = os.pathsep.join([str(Path(node.program).parent), os.environ.get("PATH", os.defpath)])
    try:
        subprocess.run(  # noqa: S603
            command,
            cwd=folder,
            env={**os.environ, "PATH": path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        raise NodeUnavailable(f"`npm ci` ended with {error.returncode}: {error.stderr[-300:]}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NodeUnavailable(f"`npm ci` did not end well: {error}") from error
