"""The command line of a service: `mobifai serve` with checked options and absolute paths."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from mobifai.cli.serve import serve
from mobifai.service.definition import STATE_DIR


def serve_command(context: click.Context, options: Sequence[str]) -> tuple[str, ...]:
    """Return the command line of a service that runs `mobifai serve` with these options.

    It names the state directory and the settings file, since a service has neither the environment nor the current
    directory of this command. Like `serve`, it uses the state directory of the settings file if the options name none.
    `-P` keeps Python from importing modules from the service's current directory. Raises click.UsageError for a wrong
    option.
    """
    root = context.find_root()
    with serve.make_context("serve", list(options), parent=root, default_map=dict(root.obj.options)) as parsed:
        given = list(_given(parsed, options))
        state_dir: Path = parsed.params["state_dir"]
    config: Path | None = root.params.get("config_file")
    config_words = ("--config", str(config.absolute())) if config is not None else ()
    return (
        *(sys.executable, "-P", "-m", "mobifai", *config_words, "serve"),
        *(word for word in given if not word.startswith(STATE_DIR)),
        f"{STATE_DIR}{state_dir.expanduser().absolute()}",
    )


def _given(parsed: click.Context, options: Sequence[str]) -> Iterator[str]:
    """Yield the options that the user gave, each in its long form: `--name=value`, or `--name` for a flag."""
    values, _, order = serve.make_parser(parsed).parse_args(list(options))
    seen: dict[str, None] = {}
    for parameter in order:
        if isinstance(parameter, click.Option) and parameter.name and parameter.name not in seen:
            seen[parameter.name] = None
            value = values[parameter.name]
            for one in value if parameter.multiple else [value]:
                yield _word(parameter, one)


def _word(option: click.Option, value: Any) -> str:
    if option.is_flag:
        names = option.opts if value == option.flag_value or not option.secondary_opts else option.secondary_opts
        return max(names, key=len)
    if isinstance(option.type, click.Path):
        value = Path(value).absolute()
    return f"{max(option.opts, key=len)}={value}"
