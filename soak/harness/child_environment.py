"""The environment variables of every process that the harness starts: a list that is stated here, not the person's.

An agent under test must not depend on who runs the harness, or where. So variables are allowed, never forbidden one by
one: a few are kept because the interpreter or the shells need them, the rest have fixed values. Owns no process.
"""

import os
import site
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import mobifai

KEPT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""Variables that keep the person's value. Without the last two, an interpreter with a shared library may not start."""

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
    """The variables of a process whose home and temporary directory are in `folder`."""
    return {
        **_without_folder(usual),
        "HOME": str(folder / HOME_FOLDER),
        "TMPDIR": str(folder / TEMPORARY_FOLDER),
    }


def make_folders(folder: Path) -> None:
    """Make the directories that `child_environment` names. Raises OSError."""
    for name in (HOME_FOLDER, TEMPORARY_FOLDER):
        (folder / name).mkdir(parents=True, exist_ok=True)


def helper_environment(temporary: Path, usual: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables of a helper process of the harness, whose home and temporary directory is `temporary`."""
    return {**_without_folder(usual), "HOME": str(temporary), "TMPDIR": str(temporary)}


def stated(usual: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The same for a report: with words in place of the run's folder."""
    own = {"HOME": "a folder of the run", "TMPDIR": "a folder of the run"}
    return dict(sorted({**_without_folder(usual), **own}.items()))


def module_command(module: str, *words: str) -> list[str]:
    """The command that runs an installed module, whatever the working directory holds."""
    return [sys.executable, "-P", "-m", module, *words]


def _without_folder(usual: Mapping[str, str]) -> dict[str, str]:
    kept = {name: usual[name] for name in KEPT if name in usual}
    if "PATH" in kept:
        kept["PATH"] = _absolute(kept["PATH"])
    return {**FIXED, **kept, **_import_paths()}


def _absolute(path: str) -> str:
    """A search path without the entries that depend on the working directory."""
    return os.pathsep.join(part for part in path.split(os.pathsep) if os.path.isabs(part)) or os.defpath  # noqa: PTH117


def _import_paths() -> dict[str, str]:
    """Where processes import what this one did, for an installation that Python does not find by itself.

    Those are a source tree that this process found by PYTHONPATH, and a user's site directory, which depends on HOME.
    """
    root = Path(mobifai.__file__).parent.parent
    user_site = Path(site.getusersitepackages())
    found = {"PYTHONUSERBASE": site.getuserbase()} if site.ENABLE_USER_SITE and user_site.is_dir() else {}
    if root not in {user_site, *map(Path, site.getsitepackages())}:
        found["PYTHONPATH"] = str(root)
    return found
