"""`mobifai profile`: names the line that makes memory grow, and what holds it.

Owns the group and the signals of its commands. A command's module is imported when it is used, after the signals are
handled: an import takes longer than a person needs for Ctrl-C.
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
    """A group that imports a command when it is needed, and decides how each of them ends."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Parse, and print help where it is asked for."""
        with checked_output():
            return super().make_context(info_name, args, parent=parent, **extra)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order of use."""
        return [*COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, or None."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command with its signals handled. Raises CommandError."""
        ctx.default_map = {name: ctx.default_map or {} for name in COMMANDS}  # the settings file is for each of them
        return run_with_signals(ctx, Interruption(), super().invoke)


@click.group(cls=ProfileGroup, epilog=EPILOG)
def profile() -> None:
    """Find the line that makes memory grow, and what holds it.

    `mobifai soak` says whether anything grows; this says where.
    """
