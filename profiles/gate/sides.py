"""The two sides of a comparison, laid out in the same way: the candidate as it is installed, the base as it is built.

Both differ in the package `mobifai` alone; what drives and counts them is the harness' own on both sides. Owns the
folder that it is given. Everything that needs a network is done here, before a run has one of its own.
"""

import compileall
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from types import MappingProxyType

import mobifai
import profiles
import soak
from profiles.results import ProfileError
from soak.harness.installation import Installation

HASH_SEED = 0
LOCK = "requirements/lock.txt"
BUILD_BACKEND = "hatchling"
BUILD_SECONDS = 900.0
SHOWN = 1500
"""Characters of what a failed command printed."""


class GitError(ProfileError):
    """A revision, or the checkout that it is looked for in, is not there."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two. `name` is what a table calls it; `revision` is empty for what is installed."""

    name: str
    installation: Installation
    revision: str = ""


@dataclass(frozen=True, slots=True)
class Needs:
    """What a revision needs beside itself: its dependencies, and the versions it locks."""

    dependencies: tuple[str, ...]
    lock: str


def candidate(folder: Path) -> Side:
    """The MobiFai that runs this, copied."""
    shutil.copytree(_package(mobifai), folder / "mobifai", ignore=shutil.ignore_patterns("__pycache__"))
    _complete(folder)
    return Side("now", Installation(path=folder, seed=HASH_SEED))


def base(checkout: Path, revision: str, folder: Path) -> Side:
    """A revision of a checkout, built. Raises GitError, ProfileError when it can't be."""
    commit = commit_of(checkout, revision)
    source = folder / "source"
    with tarfile.open(fileobj=BytesIO(_git(checkout, "archive", "--format=tar", commit))) as archive:
        archive.extractall(source, filter="data")
    if not (source / "mobifai").is_dir():
        raise GitError(f"{revision}: expected a package named mobifai in it; found none")
    place = folder / "side"
    with zipfile.ZipFile(_wheel(source, folder / "wheel")) as wheel:
        wheel.extractall(place)  # noqa: S202 - it was built here
    _complete(place)
    return Side("base", Installation(_python(checkout, source, folder), place, HASH_SEED), commit[:12])


def commit_of(checkout: Path, revision: str) -> str:
    """The commit that a name stands for. Raises GitError."""
    if not revision or revision.startswith("-"):
        raise GitError(f"expected the name of a revision, found {revision!r}")
    try:
        return _git(checkout, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").decode().strip()
    except GitError:
        advice = "fetch it first (a shallow clone has only the newest)"
        raise GitError(f"expected a revision of this checkout, found {revision!r}; {advice}") from None


def toplevel(directory: Path) -> Path:
    """The top of the checkout around a directory. Raises GitError."""
    try:
        return Path(_git(directory, "rev-parse", "--show-toplevel").decode().strip())
    except GitError as error:
        raise GitError(f"expected to be run in a clone of the project, where the base is; {error}") from None


def needs(tree: Path) -> Needs:
    """What a source tree asks for. Raises ProfileError when it does not say."""
    try:
        project = tomllib.loads((tree / "pyproject.toml").read_text())["project"]
        dependencies = tuple(map(str, project["dependencies"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ProfileError(f"expected a pyproject.toml with dependencies in the base; found {error!r}") from None
    lock = tree / LOCK
    return Needs(dependencies, lock.read_text() if lock.exists() else "")


def _complete(place: Path) -> None:
    """Lay the harness' own parts beside a package, with how they are found, and compile it all."""
    for package in (soak, profiles):
        target = place / package.__name__
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(_package(package), target, ignore=shutil.ignore_patterns("__pycache__"))
    for known in place.glob("*.dist-info"):
        shutil.rmtree(known)
    about = place / f"mobifai-{importlib.metadata.version('mobifai')}.dist-info"
    about.mkdir()
    installed = importlib.metadata.distribution("mobifai")
    for name in ("METADATA", "entry_points.txt"):
        (about / name).write_text(installed.read_text(name) or "")
    compileall.compile_dir(place, quiet=2)


def _package(module: object) -> Path:
    return Path(str(getattr(module, "__file__", ""))).parent


def _python(checkout: Path, source: Path, folder: Path) -> str:
    """This Python, where the base needs what the candidate needs; else one with what it needs."""
    wanted = needs(source)
    if wanted == needs(checkout):
        return sys.executable
    home = folder / "python"
    python = home / "bin" / "python"
    _run([sys.executable, "-m", "venv", str(home)], "an environment for the base")
    lock = folder / "lock.txt"
    lock.write_text(wanted.lock)
    _run(
        [str(python), "-m", "pip", "install", "--quiet", "--constraint", str(lock), *wanted.dependencies],
        "what the base needs",
    )
    return str(python)


def _wheel(source: Path, folder: Path) -> Path:
    here = importlib.util.find_spec(BUILD_BACKEND) is not None  # then nothing has to be fetched
    options = ["--quiet", "--no-deps", *(["--no-build-isolation"] if here else []), "--wheel-dir", str(folder)]
    words = [sys.executable, "-m", "pip", "wheel", *options, str(source)]
    _run(words, "the base's wheel", {"MOBIFAI_BUILD_PAGE": "0"})  # it takes a while, and no agent loads it
    return next(folder.glob("mobifai-*.whl"))


def _run(words: Sequence[str], what: str, more: Mapping[str, str] = MappingProxyType({})) -> None:
    """Run a command that makes something, with `more` in its environment. Raises ProfileError with what it said."""
    environment = {**os.environ, **more}
    try:
        done = subprocess.run(words, capture_output=True, timeout=BUILD_SECONDS, check=False, env=environment)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise ProfileError(
            f"expected {what} within {BUILD_SECONDS:g} s; see whether the package index answers"
        ) from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).decode(errors="replace").strip()[-SHOWN:]
        raise ProfileError(f"{what} could not be made: {said}")


def _git(directory: Path, *words: str) -> bytes:
    try:
        done = subprocess.run(["git", "-C", str(directory), *words], capture_output=True, check=False)  # noqa: S603, S607
    except OSError as error:
        raise GitError(f"expected git, to find a base with; found {error.strerror}") from None
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip() or f"git {words[0]} ended with {done.returncode}"
        raise GitError(f"git says: {said}")
    return done.stdout
