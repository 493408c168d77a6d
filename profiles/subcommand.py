"""The common part of all `mobifai profile` commands: signal handlers, exit statuses and error messages."""

from collections.abc import Callable
from typing import Any, Final

import click

from mobifai.errors import CommandError, MobiFaiError
from mobifai.resource_limits import describe_shortage
from soak.harness.interruption import Interruption
from soak.internal_error import internal_error
from soak.output import checked_output

FAILED: Final = 3
INTERRUPTED: Final = 4
"""The exit status of an interrupted command. It differs from 1, the status after a finding."""

EPILOG: Final = (
    "Exit status: 0 nothing grows; 1 something grows; 2 wrong usage; 3 the run itself failed, or the output can't be "
    "written; 4 inconclusive: the run was interrupted, or no verdict was possible."
)
LOOK_EPILOG: Final = (
    "Exit status: 0 done; 2 wrong usage; 3 failed: no agent runs, the agent ended or does not answer, or the output "
    "can't be written; 4 interrupted."
)

_KEY: Final = "profiles.interruption"


class Subcommand(click.Command):
    """A command of `mobifai profile`. Its `--help` fails with an error if the help text can't be written."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Parse the arguments of the command, or print its help text.

        Raises CommandError if the help text can't be written.
        """
        with checked_output():
            return super().make_context(info_name, args, parent=parent, **extra)


def run_with_signals(context: click.Context, stop: Interruption, command: Callable[[click.Context], Any]) -> Any:
    """Run `command` while `stop` handles signals, and return its result.

    An unexpected exception of the command becomes a CommandError with status 3, and a KeyboardInterrupt becomes one
    with status 4. Raises CommandError, ClickException.
    """
    context.meta[_KEY] = stop
    stop.handle()
    try:
        try:
            return command(context)
        finally:
            stop.ignore()  # before the error is handled: a second signal must not replace its exit status
    except KeyboardInterrupt:
        stop.ignore()  # the second signal came before that
        raise CommandError("interrupted before anything was done", INTERRUPTED) from None
    except (click.ClickException, click.exceptions.Exit, CommandError):
        raise
    except Exception as error:
        raise CommandError(reason_of(error), FAILED) from error


def interruption() -> Interruption:
    """Return the object that handles the signals of the running command."""
    stop: Interruption = click.get_current_context().meta[_KEY]
    return stop


def reason_of(error: Exception) -> str:
    """Return the message to print for a command that failed with the exception `error`."""
    if isinstance(error, MobiFaiError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return describe_shortage(error) or f"the system refused an operation: {error}"
    return describe_shortage(error) or internal_error(error)
