"""The settings file, and the options that several commands share.

The file can set every documented option of `mobifai serve`, under the option's name with underscores.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import click

from mobifai.bounds import Ledger
from mobifai.errors import ConfigError
from mobifai.user import required_home, settings_file, state_directory

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class FileSettings:
    """The content of the settings file: values of options, limits, and the assistant's settings."""

    options: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, int] = field(default_factory=dict)
    assistant: Mapping[str, Any] = field(default_factory=dict)


def read_settings(path: Path | None) -> FileSettings:
    """Read the settings file at `path`. Raises ConfigError.

    None means the default settings file, which need not exist.
    """
    file = path or settings_file()
    if file is None:
        return FileSettings()
    try:
        text = file.read_text()
    except (FileNotFoundError, NotADirectoryError):
        if path is None:
            return FileSettings()
        raise ConfigError(f"expected a settings file at {path}; found none") from None
    except (OSError, ValueError) as error:
        if path is None and not os.access(file.parent, os.X_OK):  # so there can't be a file of ours
            return FileSettings()
        raise ConfigError(f"{file}: expected settings as TOML: {error}") from None
    import tomllib  # noqa: PLC0415 - most users have no such file

    try:
        content = tomllib.loads(text)
    except ValueError as error:
        raise ConfigError(f"{file}: expected settings as TOML: {error}") from None
    try:
        return _settings(content)
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from None


def _settings(content: dict[str, Any]) -> FileSettings:
    limits = _flat(content.pop("limits", {}))
    Ledger(limits)  # raises ConfigError for a bad limit
    assistant = content.pop("assistant", {})
    if not isinstance(assistant, dict):
        raise ConfigError(f"assistant: expected a table; found {assistant!r}")
    _check_options(content)
    return FileSettings(content, limits, assistant)


def _check_options(content: Mapping[str, Any]) -> None:
    if not content:
        return
    from mobifai.cli.serve import serve  # noqa: PLC0415 - it has every option, and imports much

    known = {
        str(option.name): option for option in serve.params if isinstance(option, click.Option) and not option.hidden
    }
    for name, value in content.items():
        if name not in known:
            raise ConfigError(f"expected one of {', '.join(known)}, [limits] or [assistant]; found {name!r}")
        kind, types = _value_type(known[name])
        if type(value) not in types:
            raise ConfigError(f"{name}: expected {kind}; found {value!r}")


def _value_type(option: click.Option) -> tuple[str, tuple[type, ...]]:
    """Return the type of an option's value in the settings file: its description for messages, and its Python types."""
    if option.multiple:
        return "a list", (list,)
    if option.is_flag:
        return "true or false", (bool,)
    if isinstance(option.type, click.types.FloatParamType):
        return "a number", (int, float)
    if isinstance(option.type, click.types.IntParamType):
        return "a whole number", (int,)
    return "text in quotes", (str,)


def _flat(table: object, prefix: str = "") -> dict[str, Any]:
    """Return the values of nested tables by their dotted names.

    TOML reads `terminal.ring = 1` as nested tables. Raises ConfigError if `table` is not a table.
    """
    if not isinstance(table, dict):
        raise ConfigError(f"limits: expected a table; found {table!r}")
    flat: dict[str, Any] = {}
    for key, value in table.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def state_dir_option(command: F) -> F:
    """Add `--state-dir` to a command."""
    return click.option(
        "--state-dir",
        type=click.Path(path_type=Path, file_okay=False),
        envvar="MOBIFAI_STATE_DIR",
        default=_default_state_dir,
        help="Directory in which MobiFai keeps its identity, devices, tabs and logs.  "
        f"[default: {state_directory() or 'none'}]",
    )(command)


def _default_state_dir() -> Path:
    """Return the default of --state-dir. Raises ConfigError if the user has no home directory."""
    return state_directory() or required_home() / ".local" / "state" / "mobifai"


def log_options(command: F) -> F:
    """Add `--log-level` and `--log-format` to a command."""
    level = click.option(
        "--log-level",
        type=click.Choice(["debug", "info", "warning", "error"]),
        envvar="MOBIFAI_LOG_LEVEL",
        default="info",
        show_default=True,
        help="Minimum severity of log messages.",
    )
    form = click.option(
        "--log-format",
        type=click.Choice(["text", "json"]),
        envvar="MOBIFAI_LOG_FORMAT",
        default="text",
        show_default=True,
        help="Format of log lines: for people, or for programs.",
    )
    return level(form(command))
