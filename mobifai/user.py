"""The user of this process: name, home directory and shell, even if the system does not know the user.

A container may run a process under a user id that its user database lacks, for which Python's functions raise.
"""

import os
import pwd
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import platformdirs

from mobifai.errors import ConfigError


def passwd_entry() -> pwd.struct_passwd | None:
    """Return the entry of this process' user in the user database, or None."""
    try:
        return pwd.getpwuid(os.getuid())
    except (KeyError, OSError):
        return None


def name() -> str:
    """Return the user's name, or the user id as text if the user database lacks the user."""
    known = passwd_entry()
    return known.pw_name if known is not None else str(os.getuid())


def home() -> Path | None:
    """Return the home directory from $HOME, or else from the user database; None if its path is not absolute.

    The directory may not exist.
    """
    known = passwd_entry()
    place = os.environ.get("HOME") or (known.pw_dir if known is not None else "")
    return Path(place) if Path(place).is_absolute() else None


def required_home() -> Path:
    """Return the home directory. Raises ConfigError if it is unknown."""
    place = home()
    if place is None:
        raise ConfigError(
            f"expected a home directory; user {name()} has none in the system's user database, and HOME does not name "
            "one: set HOME, or name the directory with --state-dir"
        )
    return place


def settings_file() -> Path | None:
    """Return the path of the default settings file, or None if the home directory is unknown."""
    place = _place(platformdirs.user_config_path)
    return place / "config.toml" if place is not None else None


def state_directory() -> Path | None:
    """Return the path of the default state directory, or None if the home directory is unknown."""
    return _place(platformdirs.user_state_path)


def _place(find: Callable[[str], Path]) -> Path | None:
    try:
        place = find("mobifai")
    except RuntimeError:  # older versions of platformdirs leave a ~ that they can't resolve
        return None
    return place if place.is_absolute() else None


def login_variables() -> dict[str, str]:
    """Return the variables that a login sets, as far as they are known: HOME, USER and LOGNAME."""
    known, place = passwd_entry(), home()
    names = {"USER": known.pw_name, "LOGNAME": known.pw_name} if known is not None else {}
    return {"HOME": str(place) if place is not None else "/", **names}


def path_without_environments(environ: Mapping[str, str], prefix: str | None = None) -> str:
    """Return $PATH without the `bin` folders of virtual environments: this program's (`prefix`) and the active one."""
    if prefix is None:
        prefix = sys.prefix if sys.prefix != sys.base_prefix else ""
    own = {str(Path(place) / "bin") for place in (prefix, environ.get("VIRTUAL_ENV", "")) if place}
    kept = [place for place in environ.get("PATH", "").split(os.pathsep) if place and place not in own]
    return os.pathsep.join(kept) or os.defpath
