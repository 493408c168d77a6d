"""`mobifai profile attach`: looks into the agent that runs now."""

from pathlib import Path

import click

from mobifai.cli import control_client as running
from mobifai.cli.settings import state_dir_option
from mobifai.state import StateDir
from profiles.attach import SHORTEST_WINDOW, WINDOWS, Attached
from profiles.invocation import tell
from profiles.options import for_option, report_options
from profiles.profile_report import Save, begun, reported
from profiles.results import ProfileReport, Settings
from profiles.subcommand import EPILOG, Subcommand, interruption
from profiles.windows import LONGEST_LOOK, SHORTEST_LOOK
from soak.duration import duration_text


@click.command(cls=Subcommand, epilog=EPILOG)
@for_option("60s", LONGEST_LOOK, SHORTEST_LOOK, f"A verdict needs {duration_text(SHORTEST_WINDOW * WINDOWS)} or more.")
@report_options
@state_dir_option
def attach(seconds: float, report_dir: Path, as_json: bool, state_dir: Path) -> int:
    """Look into the agent that runs now, without stopping it.

    Traces what the agent allocates during --for, which makes it slower; the tracing is removed at the end. Only the
    agent's owner can do it. Ctrl-C ends it early, with what was found by then.
    """
    socket = StateDir(state_dir).control_socket
    asked = Settings(seconds=seconds, state_dir=str(state_dir.absolute()))
    return reported(
        begun("attach", 0, asked), lambda first, save: _look(socket, seconds, first, save), report_dir, as_json
    )


def _look(socket: Path, seconds: float, first: ProfileReport, save: Save) -> ProfileReport:
    looking = Attached(socket, seconds, tell, lambda known: save(known.report(first)))
    return running.run(looking.reported(first, interruption()))
