"""The identity of an installation of MobiFai: version, how it was installed, and the commit if known.

The commit of a git checkout counts only if git tracks the package: a virtual environment inside a checkout is not
part of it.
"""

import os
import subprocess
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Final

import msgspec

import mobifai
from soak.gauges.results import Installed, Product

GIT_SECONDS: Final = 10.0
"""How long git may take to answer."""

PACKAGE: Final = Path(mobifai.__file__).resolve().parent


def product(package: Path = PACKAGE) -> Product:
    """Return the version and origin of the installation whose `mobifai` package is in the directory `package`. An
    unknown commit is None.
    """
    version = mobifai.__version__ if package == PACKAGE else _version_in(package)
    if (commit := _git(package, "rev-parse", "--verify", "HEAD")) and _is_tracked(package):
        changes = _git(package, "status", "--porcelain", "--untracked-files=normal")
        return Product(version, commit, None if changes is None else bool(changes), Installed.CHECKOUT)
    origin, commit = _origin(package)
    return Product(version, commit, None, origin)


def _is_tracked(package: Path) -> bool:
    return _git(package, "ls-files", "--error-unmatch", "__init__.py") is not None


def _git(directory: Path, *words: str) -> str | None:
    """Return the output of git in a directory, or None if git fails. GIT_DIR and the like are not inherited."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    variables.update(GIT_OPTIONAL_LOCKS="0", LC_ALL="C")
    try:
        done = subprocess.run(  # noqa: S603 - fixed words
            ["git", "-C", str(directory), *words],  # noqa: S607 - the user's git
            capture_output=True,
            stdin=subprocess.DEVNULL,
            env=variables,
            timeout=GIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode(errors="replace").strip() if done.returncode == 0 else None


# -- an installation


def _origin(package: Path) -> tuple[Installed, str | None]:
    """Return how pip installed a package, and the commit that it installed, if known (see PEP 610)."""
    found = _distribution(package)
    if found is None:
        return Installed.UNKNOWN, None
    text = found.read_text("direct_url.json")
    if text is None:
        return Installed.INDEX, None
    try:
        source: Any = msgspec.json.decode(text)
        return _from_url(source)
    except (msgspec.MsgspecError, AttributeError, KeyError, TypeError):
        return Installed.UNKNOWN, None


def _from_url(source: Any) -> tuple[Installed, str | None]:
    if "vcs_info" in source:
        return Installed.REPOSITORY, str(source["vcs_info"]["commit_id"])
    if "dir_info" in source:
        return (Installed.EDITABLE if source["dir_info"].get("editable") else Installed.DIRECTORY), None
    return (Installed.ARCHIVE if "archive_info" in source else Installed.UNKNOWN), None


def _distribution(package: Path) -> Distribution | None:
    """Return the distribution of a package: from the directory of the package if it has one, otherwise from this
    Python.
    """
    for found in Distribution.discover(name="mobifai", path=[str(package.parent)]):
        return found
    try:
        return distribution("mobifai") if package == PACKAGE else None
    except PackageNotFoundError:
        return None


def _version_in(package: Path) -> str | None:
    try:
        text = (package / "__init__.py").read_text(errors="replace")
    except OSError:
        return None
    for line in text.splitlines():
        name, _, value = line.partition("=")
        if name.strip() == "__version__":
            return value.strip().strip("\"'") or None
    return None
