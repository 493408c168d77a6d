"""The definition of a service (command, environment, directory), its state, and the interface of service managers."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mobifai.errors import ServiceError
from mobifai.files import write_whole
from mobifai.user import path_without_environments

STATE_DIR = "--state-dir="

_KEPT = ("LANG", "LC_ALL", "LC_CTYPE", "SHELL", "XDG_CONFIG_HOME")
"""Environment variables, in addition to PATH, that the agent or its shells need and a service manager may not set."""


@dataclass(frozen=True, slots=True)
class ServiceDefinition:
    """A command that a service manager keeps running in the directory `home`.

    `environment` is added to the variables that the service manager sets.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    home: Path


@dataclass(frozen=True, slots=True)
class ServiceState:
    """The state of the service.

    `detail` is the service manager's description of the state. `argv` is the command in the definition file, or () if
    there is no such file.
    """

    file: Path
    installed: bool
    running: bool
    enabled: bool
    detail: str
    argv: tuple[str, ...]

    @property
    def state_dir(self) -> Path | None:
        """The state directory (`--state-dir`) in the command of the installed service, or None."""
        for word in self.argv:
            if word.startswith(STATE_DIR):
                return Path(word.removeprefix(STATE_DIR))
        return None


class ServiceManager(Protocol):
    """The interface of a service manager. Every method raises ServiceError if the manager fails."""

    @property
    def file(self) -> Path:
        """The path of the definition file."""

    def text(self, service: ServiceDefinition) -> str:
        """Return the content of the definition file for `service`. Write nothing."""

    def install(self, service: ServiceDefinition) -> list[str]:
        """Check and write the definition file, and start the service. Return notes for the user. Idempotent."""

    def uninstall(self) -> bool:
        """Stop the service and remove its definition file. Return whether there was a service."""

    def state(self) -> ServiceState:
        """Return the present state of the service."""


def minimal_environment(environ: Mapping[str, str], prefix: str | None = None) -> dict[str, str]:
    """Return the environment variables that the service gets, taken from `environ`.

    PATH loses the directories of virtual environments: that of this program (`prefix`; None means the current one), and
    an active one.
    """
    kept = {name: environ[name] for name in _KEPT if environ.get(name)}
    return {"PATH": path_without_environments(environ, prefix), **kept}


def write_definition(file: Path, text: str) -> bool:
    """Write a definition file atomically. Return False if the file already had this content. Raises ServiceError."""
    try:
        if not file.is_symlink() and file.is_file() and file.read_text() == text:
            return False
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, text.encode(), mode=0o644)
    except (OSError, ValueError) as error:
        raise ServiceError(f"{file} can't be written: {error}") from None
    return True


def check_words(service: ServiceDefinition) -> None:
    """Raise ServiceError if the command, the environment or `home` contains control characters.

    Definition files can't represent these characters.
    """
    for word in (*service.argv, *service.environment.values(), str(service.home)):
        if any(ord(character) < 32 or 0xD800 <= ord(character) < 0xE000 for character in word):
            raise ServiceError(
                f"expected options, paths and variables without control characters such as line breaks; found {word!r}"
            )
