"""Installs the packages of the peers once: npm packages of the servers on Node, and a separate Python for terminado.

Each installation has a folder whose name contains a hash of what is installed. The client needs the same packages as
the tests' phone, which `tests.support.node` installs. terminado has a separate Python because it requires tornado,
which python-socketio would import if it were installed beside MobiFai. That would increase MobiFai's memory.
"""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tests.support.node import Node, NodeUnavailable

ROOT = Path(__file__).parents[2]
SOURCE = Path(__file__).with_name("node")
LOCK = ROOT / "requirements" / "lock.txt"
TERMINADO = ("terminado", "tornado", "ptyprocess")
INSTALLED = "installed.txt"
INSTALL_SECONDS = 300


def servers_home(node: Node) -> Path:
    """Return the folder with the npm packages of the servers on Node, and install them if they are missing.

    Raises NodeUnavailable if that fails.
    """
    home = ROOT / ".cache" / f"bench_servers-{_content()}"
    if not home.exists():
        home.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home.parent, prefix=f"{home.name}.") as made:
            _install(node, Path(made, "servers"))
            with suppress(OSError):  # another process was faster
                Path(made, "servers").rename(home)
    return home


def terminado_python() -> str:
    """Return the path of a Python with terminado, and install both if they are missing. Raises NodeUnavailable."""
    wanted = [line for line in LOCK.read_text().splitlines() if line.partition("==")[0] in TERMINADO]
    fingerprint = hashlib.sha256("\n".join([sys.version, *wanted]).encode()).hexdigest()[:16]
    home = ROOT / ".cache" / f"bench_terminado-{fingerprint}"
    python = home / "bin" / "python"
    if not (home / INSTALLED).exists():
        shutil.rmtree(home, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(home)], ROOT)
        _run([str(python), "-m", "pip", "install", "--quiet", *wanted], ROOT)
        (home / INSTALLED).write_text(", ".join(line.replace("==", " ") for line in wanted))
    return str(python)


def terminado_versions(python: str) -> str:
    """Return the packages that are installed in terminado's Python `python`, with their versions, as text."""
    return (Path(python).parents[1] / INSTALLED).read_text()


def version_of(home: Path, package: str) -> str:
    """Return the version of the npm package that is installed in `home`."""
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
    # Scripts stay off: native code comes prebuilt, in a package for each platform.
    command = [*node.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]
    path = os.pathsep.join([str(Path(node.program).parent), os.environ.get("PATH", os.defpath)])
    _run(command, folder, {"PATH": path})


def _run(command: Sequence[str], folder: Path, variables: Mapping[str, str] | None = None) -> None:
    name = f"`{Path(command[0]).name} {command[1]}`"
    try:
        subprocess.run(  # noqa: S603
            command,
            cwd=folder,
            env={**os.environ, **(variables or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        raise NodeUnavailable(f"{name} ended with {error.returncode}: {error.stderr[-300:]}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NodeUnavailable(f"{name} failed: {error}") from error
