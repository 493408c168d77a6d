"""The assistant's settings, and the key of the model's API. This module does not connect to a model."""

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path

import msgspec

from mobifai.assistant.model_url import check_model_url
from mobifai.errors import AssistantError, ConfigError

DEFAULT_MODEL = "claude-opus-5-5"
KEY_VARIABLE = "ANTHROPIC_API_KEY"
KEY_FILE = "anthropic.key"
SCRIPTED = "scripted:"
"""The prefix of a model name that stands for a file with prepared answers, whose path follows. No key is needed."""

_KEY_BYTES = 4096


class ApprovalMode(StrEnum):
    """When the user must approve what the model types: never, always, or only if it is risky."""

    NEVER = "never"
    ALWAYS = "always"
    RISKY = "risky"


@dataclass(frozen=True, slots=True)
class AssistantConfig:
    """The user's settings for the assistant.

    Limits on sizes and counts are in `limits.LIMITS`, so that the ledger has them.

    `base_url`: None means the API's own address. `key_file` is read if the environment has no key. `answer_seconds` is
    the time limit of one question to the model, including retries. The assistant waits until a screen has not changed
    for `quiet_seconds`, but at most `quiet_limit_seconds`. The model is shown the last `screen_characters` of the
    screen, unless it requests another part.

    `risky_patterns` (regular expressions) extend those of `risk`. Commands that begin with the words of one of
    `allowed_commands` (for example "make test") count as harmless.
    """

    model: str = DEFAULT_MODEL
    base_url: str | None = None
    key_file: Path | None = None
    max_tokens: int = 16_000
    stream: bool = True
    retries: int = 2
    connect_seconds: float = 10.0
    read_seconds: float = 60.0
    answer_seconds: float = 180.0
    quiet_seconds: float = 0.3
    quiet_limit_seconds: float = 10.0
    screen_characters: int = 15_000
    approvals: ApprovalMode = ApprovalMode.RISKY
    approval_seconds: float = 120.0
    risky_patterns: tuple[str, ...] = ()
    allowed_commands: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise ConfigError if a setting is invalid."""
        for name, least in _LEAST.items():
            if not getattr(self, name) >= least:
                raise ConfigError(f"assistant.{name}: expected at least {least}; found {getattr(self, name)!r}")
        if self.base_url is not None:
            _check_url(self.base_url)
        for pattern in self.risky_patterns:
            _check_pattern(pattern)


_LEAST: Mapping[str, float] = {
    "max_tokens": 256,
    "retries": 0,
    "connect_seconds": 0.01,
    "read_seconds": 0.01,
    "answer_seconds": 0.01,
    "quiet_seconds": 0,
    "quiet_limit_seconds": 0,
    "screen_characters": 100,
    "approval_seconds": 0.01,
}


def _check_url(url: str) -> None:
    try:
        check_model_url(url)
    except ConfigError as error:
        raise ConfigError(f"assistant.base_url: {error}") from None


def _check_pattern(pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ConfigError(
            f"assistant.risky_patterns: expected regular expressions; found {pattern!r} ({error})"
        ) from None


def from_table(table: Mapping[str, object]) -> AssistantConfig:
    """Return the assistant's settings from the table `[assistant]` of the settings file. Raises ConfigError."""
    known = [field.name for field in fields(AssistantConfig)]
    for name in table:
        if name not in known:
            raise ConfigError(f"assistant: expected one of {', '.join(known)}; found {name!r}")
    try:
        return msgspec.convert(dict(table), type=AssistantConfig, strict=True, dec_hook=_path)
    except msgspec.ValidationError as error:
        raise ConfigError(f"assistant: {error}") from None


def _path(kind: type, value: object) -> Path:
    if kind is not Path or not isinstance(value, str):
        raise TypeError(f"expected a path as text; found {value!r}")
    try:
        return Path(value).expanduser()
    except RuntimeError as error:  # ~ of a user without a home directory
        raise TypeError(f"expected a path that can be resolved; found {value!r} ({error})") from None


def read_key(environ: Mapping[str, str], file: Path | None) -> str:
    """Return the key of the model's API, from the environment or the file.

    Raises AssistantError if there is none, or the file can't be read or is accessible to other users.
    """
    key = environ.get(KEY_VARIABLE, "").strip()
    source = KEY_VARIABLE
    if not key and file is not None:
        key, source = _from_file(file), str(file)
    if not key:
        place = f", or put the key into {file} (mode 0600)" if file is not None else ""
        raise AssistantError(f"the assistant has no key for its model: set {KEY_VARIABLE}{place}")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise AssistantError(f"{source}: expected a key of printable ASCII characters; found other characters")
    return key


def _from_file(file: Path) -> str:
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise AssistantError(f"{file}: expected the key for the model; it can't be read: {error.strerror}") from None
    try:
        _check_private(file, os.fstat(descriptor))
        return os.read(descriptor, _KEY_BYTES).decode("utf-8", "replace").strip()
    finally:
        os.close(descriptor)


def _check_private(file: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise AssistantError(f"{file}: expected a regular file with the key for the model; found something else")
    if status.st_uid not in (0, os.geteuid()):
        raise AssistantError(f"{file}: expected a file that you own; it belongs to another user (id {status.st_uid})")
    if status.st_mode & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        raise AssistantError(f"{file}: other users can access it (mode {mode:04o}); run `chmod 600 {file}`")
