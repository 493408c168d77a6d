"""The command `mobifai`: finds the subcommand, and reports each failure as an error message and an exit status."""

import contextlib
import errno
import importlib
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from mobifai import __version__
from mobifai.cli.init_process import fork_if_init
from mobifai.cli.settings import read_settings
from mobifai.cli.startup import prepare_process
from mobifai.errors import CommandError, ConfigError, MobiFaiError
from mobifai.protocol.plain_text import one_line
from mobifai.resource_limits import describe_shortage
from mobifai.terminals.keeper_protocol import report_failure
from mobifai.user import settings_file

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

_COMMANDS = {
    "serve": "mobifai.cli.serve:serve",
    "pair": "mobifai.cli.pair:pair",
    "devices": "mobifai.cli.devices:devices",
    "ask": "mobifai.cli.ask:ask",
    "status": "mobifai.cli.status:status",
    "restart": "mobifai.cli.restart:restart",
    "relay": "mobifai.cli.relay:relay",
    "service": "mobifai.cli.service:service",
    "doctor": "mobifai.cli.doctor:doctor",
}
"""The module and the function of each command. A module is imported only when its command is used, to keep the others
fast."""

MOST_COMPLAINT = 2000
"""The maximum length of a displayed error, in characters."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)

ENTRY_POINTS = "mobifai.commands"
"""The entry point group by which other packages add commands."""


def _offered() -> "list[EntryPoint]":
    from importlib.metadata import entry_points  # noqa: PLC0415 - not needed for our own commands

    return list(entry_points(group=ENTRY_POINTS))


class LazyGroup(click.Group):
    """The group of all commands of `mobifai`. A command is imported when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands: MobiFai's own first, then those of entry points."""
        offered = sorted(point.name for point in _offered())
        return [*_COMMANDS, *(name for name in offered if name not in _COMMANDS)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return the command with this name, or return None."""
        if cmd_name in _COMMANDS:
            module, _, attribute = _COMMANDS[cmd_name].partition(":")
            command: click.Command = getattr(importlib.import_module(module), attribute)
            return command
        for point in _offered():
            if point.name == cmd_name:
                loaded: click.Command = point.load()
                return loaded
        return None


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="mobifai")
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="MOBIFAI_CONFIG",
    help=f"Settings file (TOML). Options and MOBIFAI_* variables override it. [default: {settings_file() or 'none'}]",
)
@click.pass_context
def cli(context: click.Context, config_file: Path | None) -> None:
    """Use this machine's terminals on your phone.

    Start with `mobifai serve`: it shows a QR code and a link for the first phone.
    """
    if context.invoked_subcommand != "serve":
        fork_if_init()
    try:
        settings = read_settings(config_file)
    except ConfigError as error:
        raise CommandError(str(error), click.UsageError.exit_code) from None  # 1 may stand for a result
    context.obj = settings
    context.default_map = {str(context.invoked_subcommand): dict(settings.options)}


def main(arguments: list[str] | None = None) -> Any:
    """Run a command, and exit with its status. A traceback is shown only with `--log-level debug`."""
    prepare_process()
    try:
        _leave(cli.main(arguments, prog_name="mobifai", standalone_mode=False) or 0)
    except click.ClickException as error:
        report_failure(error.format_message())
        with contextlib.suppress(OSError):
            error.show()
        _leave(error.exit_code)
    except click.Abort:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output is gone
        sys.exit(1)
    except Exception as error:
        try:
            status = _explain(error)
        except MemoryError:
            error.__traceback__ = None  # frees what the command held
            status = _explain(error)
        _leave(status)


def _leave(status: int) -> NoReturn:
    """Exit with this status. If the output can't be written, a status of 0 becomes 1."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except (OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter would fail again at exit
        status = status or 1
    sys.exit(status)


def _explain(error: Exception) -> int:
    """Print the message for an error that ended the command. Return the exit status."""
    named = _named(error) or _lack(error)
    if named is None and _is_full_output(error):
        _complain(f"the output can't be written: {error}; free some space, or write it elsewhere")
        return 1
    if named is None:
        logging.getLogger("mobifai").debug("internal error", exc_info=error)
        internal = f"internal error: {error!r}. This is a bug: report it, with the command and this message"
        report_failure(internal)
        _complain(internal)
        return 1
    report_failure(str(named))
    _complain(str(named))
    return named.status if isinstance(named, CommandError) else 1


def _is_full_output(error: Exception) -> bool:
    """Return whether the error means that a write to a standard stream failed, as on a full disk.

    Errors of other files have a file name.
    """
    return isinstance(error, OSError) and error.filename is None and error.errno in _FULL


def _named(error: BaseException) -> MobiFaiError | None:
    """Return the error itself if it is a MobiFaiError, else the first MobiFaiError in an exception group, else None."""
    if isinstance(error, MobiFaiError):
        return error
    parts = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    return next((found for part in parts if (found := _named(part)) is not None), None)


def _lack(error: Exception) -> MobiFaiError | None:
    """Return a CommandError if a limit of the system caused the error, such as that on open files; else None."""
    lacked = describe_shortage(error)
    return CommandError(lacked) if lacked is not None else None


def _complain(text: str) -> None:
    with contextlib.suppress(OSError):
        click.echo(f"mobifai: {one_line(text, MOST_COMPLAINT)}", err=True)
