"""`mobifai profile attach`: looks into the agent that runs now."""

from pathlib import Path

import click

from mobifai.cli import running
from mobifai.cli.settings import state_dir_option
from mobifai.state import StateDir
from profiles.attach import Attached
from profiles.invocation import tell
from profiles.reported import Save, begun, report_options, reported
from profiles.results import ProfileReport
from profiles.subcommand import EPILOG, interruption
from soak.duration import Duration


@click.command(epilog=EPILOG)
@click.option("--for", "seconds", type=Duration(), default="60s", show_default=True, help="How long.")
@report_options
@state_dir_option
def attach(seconds: float, report_dir: Path, as_json: bool, state_dir: Path) -> int:
    """Look into the agent that runs now, without stopping it.

    Memory that is allocated is traced for so long, which makes the agent slower meanwhile; then all of it is taken off.
    Only the agent's owner can do it. Ctrl-C ends it early, with what was found by then.
    """
    socket = StateDir(state_dir).control_socket
    return reported(begun("attach"), lambda first, save: _look(socket, seconds, first, save), report_dir, as_json)


def _look(socket: Path, seconds: float, first: ProfileReport, save: Save) -> ProfileReport:
    looking = Attached(socket, seconds, tell, lambda known: save(known.report(first)))
    return running.run(looking.reported(first, interruption()))
