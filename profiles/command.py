"""The command group `mobifai profile`, whose commands name the line that makes memory grow, and what holds that memory.

The module of a command is imported only when the command is used. Signal handlers are installed before, because Ctrl-C
may come during a slow import.
"""

import importlib
from typing import Any, Final

import click

from profiles.subcommand import EPILOG, run_with_signals
from soak.harness.interruption import Interruption
from soak.output import checked_output

COMMANDS: Final = {
    "run": "profiles.commands.run:run",
    "attach": "profiles.commands.attach:attach",
    "heap": "profiles.commands.heap:heap",
    "flame": "profiles.commands.flame:flame",
    "compare": "profiles.commands.compare:compare",
    "gate": "profiles.commands.gate:gate",
}


class ProfileGroup(click.Group):
    """A command group that imports each command when it is used, and maps the command's errors to exit statuses."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Parse the arguments of `mobifai profile`, or print its help text.

        Raises CommandError if the help text can't be written.
        """
        with checked_output():
            return super().make_context(info_name, args, parent=parent, **extra)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands, in the order of the help text: the most useful first."""
        return [*COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return the subcommand with this name, or return None if there is none."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand with signal handlers installed. Raises CommandError."""
        ctx.default_map = {name: ctx.default_map or {} for name in COMMANDS}  # the settings apply to each command
        return run_with_signals(ctx, Interruption(), super().invoke)


@click.group(cls=ProfileGroup, epilog=EPILOG)
def profile() -> None:
    """Find the line that makes memory grow, and what holds that memory.

    `mobifai soak` shows whether memory grows; this command shows where.
    """
