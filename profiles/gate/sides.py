"""Prepares both sides of a comparison, the candidate and the base, each in a folder and in the same way.

The sides differ only in the package `mobifai`, and in the libraries if the base requires others. The packages `soak`
and `profiles` of this installation run and measure both sides. Everything that needs the network happens here, before
the run enters its own network namespace.
"""

import importlib.metadata
import importlib.util
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec

import mobifai
import profiles
import soak
from profiles.gate.builder import Builder, BuildFailed, compile_side
from profiles.gate.checkout import GitError, commit_of, git, snapshot
from profiles.gate.results import SideResult
from profiles.results import Culprit, ProfileError
from soak.harness.installation import Installation
from soak.harness.interruption import Interruption

HASH_SEED = 0
LOCK = "requirements/lock.txt"
BUILD_BACKEND = "hatchling"


ABOUT = """
import json
import mobifai
from soak.harness.environment import environment
found = environment("")
facts = {name: found[name] for name in ("python", "c_library", "architecture", "libraries")}
print(json.dumps({**facts, "version": mobifai.__version__}))
"""
ABOUT_SECONDS = 60.0


UNKNOWN = SideResult("installed")


class CandidateFailed(ProfileError):
    """The candidate can't be built or compiled."""


@dataclass(frozen=True, slots=True)
class GateSide:
    """One of the two sides: the candidate or the base.

    `name` is `candidate` or `base`, `installation` the MobiFai to run, and `about` its description in the report.
    """

    name: str
    installation: Installation
    about: SideResult = UNKNOWN

    @property
    def temporary(self) -> Path:
        """The temporary directory of this side's helper processes. Reading this property creates it.

        The directory is in the folder of the run. If this process is killed, `soak.harness.cleanup` kills all processes
        whose temporary directory is in that folder.
        """
        folder = self.installation.path.parent / "tmp" if self.installation.path else Path(tempfile.gettempdir())
        folder.mkdir(parents=True, exist_ok=True)
        return folder


@dataclass(frozen=True, slots=True)
class SideRequirements:
    """The dependencies in a revision's pyproject.toml, and the contents of its lock file (`requirements/lock.txt`)."""

    dependencies: tuple[str, ...]
    lock: str


def lay_out_candidate(about: SideResult, folder: Path, stop: Interruption | None = None) -> GateSide:
    """Prepare the candidate in `folder`: build the checkout, or copy the installed package.

    `about` describes the candidate. `stop` reports signals, which interrupt a build. Raises CandidateFailed if the
    candidate can't be built or compiled, and GitError, ProfileError or BuildInterrupted.
    """
    place, builder = folder / "side", Builder(folder, stop)
    if about.built:
        snapshot(Path(about.name), folder / "source")
        _check_installed(_requirements_of_checkout(folder / "source", about.name))
        try:
            _unpack(_wheel(folder / "source", folder / "wheel", "the checkout's wheel", builder), place)
        except BuildFailed as error:
            raise CandidateFailed(str(error)) from None
    else:
        shutil.copytree(_package(mobifai), place / "mobifai", ignore=shutil.ignore_patterns("__pycache__"))
    _complete(place)
    try:
        compile_side(place, "mobifai")
    except ProfileError as error:
        raise CandidateFailed(f"the candidate can't be compiled: {error}") from None
    builder.check()
    return _described(GateSide("candidate", Installation(path=place, seed=HASH_SEED), about))


def base_of(checkout: Path, revision: str) -> SideResult:
    """Return the description of a base that is a revision of a checkout. Raises GitError if it does not exist."""
    return SideResult("revision", name=revision, commit=commit_of(checkout, revision), dirty=False)


def lay_out_base(checkout: Path, revision: str, folder: Path, stop: Interruption | None = None) -> GateSide:
    """Build the base, a revision of a checkout, in `folder`.

    `stop` reports signals, which interrupt a build. Raises GitError, ProfileError, BuildInterrupted.
    """
    about, builder = base_of(checkout, revision), Builder(folder, stop)
    source = folder / "source"
    with tarfile.open(fileobj=BytesIO(git(checkout, "archive", "--format=tar", about.commit))) as archive:
        archive.extractall(source, filter="data")
    if not (source / "mobifai").is_dir():
        raise GitError(f"expected revision {revision} to contain the package mobifai; found none")
    place = folder / "side"
    _unpack(_wheel(source, folder / "wheel", "the base's wheel", builder), place)
    _complete(place)
    try:
        compile_side(place, "mobifai")
    except ProfileError as error:
        raise ProfileError(f"the base {revision} can't be run: {error}; name another revision with --base") from None
    wanted = requirements_of(source, f"the base {revision}", "name another revision with --base")
    python = _python(checkout, wanted, folder, builder)
    return _described(GateSide("base", Installation(python, place, HASH_SEED), about))


def in_checkout(culprit: Culprit, about: SideResult, side: GateSide) -> Culprit:
    """Return a copy of a culprit in which paths of the built candidate (`side`) are replaced by paths in the checkout.

    `about` describes the candidate. If the candidate was not built, return the culprit itself.
    """
    if not about.built:
        return culprit
    laid_out = str(side.installation.path)

    def moved(value: Any) -> Any:
        if isinstance(value, str):
            return value.replace(laid_out, about.name)
        if isinstance(value, dict):
            return {name: moved(one) for name, one in value.items()}
        return [moved(one) for one in value] if isinstance(value, list | tuple) else value

    return msgspec.convert(moved(msgspec.to_builtins(culprit)), Culprit)


def requirements_of(tree: Path, name: str, advice: str) -> SideRequirements:
    """Return the requirements of the source tree in the directory `tree`.

    Raises ProfileError if the tree has no valid pyproject.toml. The error calls the tree `name`, and has the `advice`.
    """
    try:
        project = tomllib.loads((tree / "pyproject.toml").read_text())["project"]
        dependencies = tuple(map(str, project["dependencies"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ProfileError(
            f"expected pyproject.toml in {name} to list the dependencies of the project; "
            f"found {_in_place_of_dependencies(error)}; {advice}"
        ) from None
    lock = tree / LOCK
    return SideRequirements(dependencies, lock.read_text() if lock.exists() else "")


def _in_place_of_dependencies(error: Exception) -> str:
    """Return what was found in place of the dependencies, given the error that reading them raised."""
    if isinstance(error, OSError):
        return f"no readable file ({error.strerror})"
    return f"invalid TOML ({error})" if isinstance(error, ValueError) else "no such list"


def _requirements_of_checkout(tree: Path, checkout: str) -> SideRequirements:
    """Return the requirements of a checkout's files in the directory `tree`. `checkout` is the checkout's path.

    Raises ProfileError if there is no valid pyproject.toml.
    """
    return requirements_of(tree, f"the checkout {checkout}", "correct the file")


def _complete(place: Path) -> None:
    """Complete a side in the directory `place`, which has its package `mobifai`.

    Copies the packages `soak` and `profiles` of this installation to it, with the metadata of their entry points.
    """
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


def _package(module: object) -> Path:
    return Path(str(getattr(module, "__file__", ""))).parent


def _python(checkout: Path, wanted: SideRequirements, folder: Path, builder: Builder) -> str:
    """Return the path of the Python interpreter that runs the base.

    If `wanted`, the base's requirements, are those of the checkout, that is this process's interpreter. Otherwise it is
    that of a new virtual environment in `folder`, in which the base's requirements are installed. Raises ProfileError.
    """
    if wanted == _requirements_of_checkout(checkout, str(checkout)):
        return sys.executable
    home = folder / "python"
    python = home / "bin" / "python"
    builder.run([sys.executable, "-P", "-m", "venv", str(home)], "an environment for the base")
    lock = folder / "lock.txt"
    lock.write_text(wanted.lock)
    builder.run(
        [str(python), "-P", "-m", "pip", "install", "--quiet", "--constraint", str(lock), *wanted.dependencies],
        "the base's dependencies",
    )
    return str(python)


def _check_installed(wanted: SideRequirements) -> None:
    """Raise ProfileError if a dependency of the checkout is not installed."""
    names = [re.split(r"[^A-Za-z0-9._-]", one, maxsplit=1)[0] for one in wanted.dependencies if ";" not in one]
    missing = [name for name in names if not any(importlib.metadata.Distribution.discover(name=name))]
    if missing:
        raise ProfileError(
            f"expected the checkout's dependencies to be installed; missing: {', '.join(missing)}; "
            f"install them with pip install {' '.join(missing)}"
        )


def _described(side: GateSide) -> GateSide:
    """Return a copy of a side whose description has the versions of MobiFai, Python and the libraries.

    The side's own Python interpreter is asked for them. If it can't report them, for example because it can't import
    the package, return the side itself.
    """
    words = [side.installation.python, "-P", "-c", ABOUT]
    try:
        done = subprocess.run(  # noqa: S603 - our own words
            words,
            capture_output=True,
            timeout=ABOUT_SECONDS,
            check=False,
            env=side.installation.helper_environment(side.temporary),
        )
        environment = msgspec.json.decode(done.stdout, type=dict[str, str | dict[str, str]])
    except (subprocess.TimeoutExpired, OSError, msgspec.MsgspecError):
        return side
    about = msgspec.convert({**msgspec.to_builtins(side.about), **environment}, SideResult)
    return GateSide(side.name, side.installation, about)


def _unpack(file: Path, place: Path) -> None:
    with zipfile.ZipFile(file) as wheel:
        wheel.extractall(place)  # noqa: S202 - built by us


def _wheel(source: Path, folder: Path, what: str, builder: Builder) -> Path:
    here = importlib.util.find_spec(BUILD_BACKEND) is not None  # if so, nothing has to be downloaded
    options = ["--quiet", "--no-deps", *(["--no-build-isolation"] if here else []), "--wheel-dir", str(folder)]
    words = [sys.executable, "-P", "-m", "pip", "wheel", *options, str(source)]
    builder.run(words, what, {"MOBIFAI_BUILD_PAGE": "0"})  # slow, and agents do not load the page
    return next(folder.glob("mobifai-*.whl"))
