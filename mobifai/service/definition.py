"""What a service is: a command, an environment, a place. Plain values, and the writing of a definition file."""

import contextlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mobifai.errors import ServiceError
from mobifai.user import path_without_environments

STATE_DIR = "--state-dir="

_KEPT = ("LANG", "LC_ALL", "LC_CTYPE", "SHELL")
"""What a shell of the service needs and a manager may not have: the language, the user's shell. And the PATH."""


@dataclass(frozen=True, slots=True)
class ServiceDefinition:
    """A command that is kept running, in `home`, with nothing in its environment but the manager's and this."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    home: Path


@dataclass(frozen=True, slots=True)
class ServiceState:
    """How the service is. `detail` is in the manager's own words; `argv` is what the definition file says."""

    file: Path
    installed: bool
    running: bool
    enabled: bool
    detail: str
    argv: tuple[str, ...]

    @property
    def state_dir(self) -> Path | None:
        """The state directory that the service was installed with."""
        for word in self.argv:
            if word.startswith(STATE_DIR):
                return Path(word.removeprefix(STATE_DIR))
        return None


class ServiceManager(Protocol):
    """A system's manager of services. Every method raises ServiceError when it does not do its part."""

    @property
    def file(self) -> Path:
        """Where the definition is."""

    def text(self, service: ServiceDefinition) -> str:
        """The definition, as it is written."""

    def install(self, service: ServiceDefinition) -> list[str]:
        """Write, check and start; again with the same service, nothing changes. What the person should know."""

    def uninstall(self) -> bool:
        """Stop and remove; whether there was anything."""

    def state(self) -> ServiceState:
        """How the service is."""


def minimal_environment(environ: Mapping[str, str], prefix: str | None = None) -> dict[str, str]:
    """What the service is given of this environment; `prefix` as in `path_without_environments`."""
    kept = {name: environ[name] for name in _KEPT if environ.get(name)}
    return {"PATH": path_without_environments(environ, prefix), **kept}


def write_definition(file: Path, text: str) -> bool:
    """Write a definition, whole or not at all; whether that changed anything. Raises ServiceError."""
    try:
        if not file.is_symlink() and file.is_file() and file.read_text() == text:
            return False
        file.parent.mkdir(parents=True, exist_ok=True)
        _replace(file, text)
    except (OSError, ValueError) as error:
        raise ServiceError(f"{file} can't be written: {error}") from None
    return True


def _replace(file: Path, text: str) -> None:
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as draft:
            draft.write(text)
            draft.flush()
            os.fchmod(draft.fileno(), 0o644)
            os.fsync(draft.fileno())
        Path(name).replace(file)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink(missing_ok=True)
        raise


def check_words(service: ServiceDefinition) -> None:
    """Raise ServiceError for what no definition file can hold."""
    for word in (*service.argv, *service.environment.values(), str(service.home)):
        if any(ord(character) < 32 or 0xD800 <= ord(character) < 0xE000 for character in word):
            raise ServiceError(f"expected words without line breaks and other control characters; found {word!r}")
