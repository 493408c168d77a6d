"""The environment variables of every process that the harness starts. They do not depend on the user's environment.

An agent under test must behave the same for every user and in every directory. A few variables are kept because the
interpreter or the shells need them. The others have fixed values.
"""

import os
import site
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import mobifai

KEPT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""Variables that keep the user's value. Without the last two, an interpreter with a shared library may not start."""

_LOCALE = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"

FIXED: Mapping[str, str] = MappingProxyType({
    "LANG": _LOCALE,
    "LC_ALL": _LOCALE,
    "PYTHONSAFEPATH": "1",  # nothing is imported from the working directory
    "SHELL": "/bin/sh",
    "TERM": "xterm-256color",
    "TZ": "UTC",
})  # fmt: skip

HOME_FOLDER = "home"
TEMPORARY_FOLDER = "tmp"


def child_environment(folder: Path, usual: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment variables of a process whose home and temporary directory are in `folder`.

    `usual` are the variables of the harness, from which those in KEPT are copied.
    """
    return {
        **_without_folder(usual),
        "HOME": str(folder / HOME_FOLDER),
        "TMPDIR": str(folder / TEMPORARY_FOLDER),
    }


def make_folders(folder: Path) -> None:
    """Create the home and the temporary directory that `child_environment` names for `folder`. Raises OSError."""
    for name in (HOME_FOLDER, TEMPORARY_FOLDER):
        (folder / name).mkdir(parents=True, exist_ok=True)


def helper_environment(temporary: Path, usual: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment variables of a helper process, whose home and temporary directory is `temporary`.

    `usual` are the variables of the harness, from which those in KEPT are copied.
    """
    return {**_without_folder(usual), "HOME": str(temporary), "TMPDIR": str(temporary)}


def stated(usual: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment variables of a run's processes as a report shows them.

    Words such as `a folder of the run` replace paths in the run's folder.
    """
    own = {"HOME": "a folder of the run", "TMPDIR": "a folder of the run"}
    return dict(sorted({**_without_folder(usual), **own}.items()))


def module_command(module: str, *words: str) -> list[str]:
    """Return the command that runs an installed module, independent of the working directory."""
    return [sys.executable, "-P", "-m", module, *words]


def _without_folder(usual: Mapping[str, str]) -> dict[str, str]:
    kept = {name: usual[name] for name in KEPT if name in usual}
    if "PATH" in kept:
        kept["PATH"] = _absolute(kept["PATH"])
    return {**FIXED, **kept, **_import_paths()}


def _absolute(path: str) -> str:
    """Return the value of PATH without the entries that depend on the working directory."""
    return os.pathsep.join(part for part in path.split(os.pathsep) if os.path.isabs(part)) or os.defpath  # noqa: PTH117


def _import_paths() -> dict[str, str]:
    """Return the variables with which a child process imports the same installation of MobiFai as this process.

    Needed for a source tree on PYTHONPATH, and for a user's site directory, which depends on HOME.
    """
    root = Path(mobifai.__file__).parent.parent
    user_site = Path(site.getusersitepackages())
    found = {"PYTHONUSERBASE": site.getuserbase()} if site.ENABLE_USER_SITE and user_site.is_dir() else {}
    if root not in {user_site, *map(Path, site.getsitepackages())}:
        found["PYTHONPATH"] = str(root)
    return found
