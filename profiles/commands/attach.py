"""`mobifai profile attach`: examines the running agent."""

from pathlib import Path

import click

from mobifai.cli import control_client as running
from mobifai.cli.settings import state_dir_option
from mobifai.state import StateDir
from profiles.attach import SHORTEST_WINDOW, WINDOWS, AttachRun
from profiles.options import for_option, report_options
from profiles.profile_report import SaveProgress, initial_report, run_and_report
from profiles.progress import print_progress
from profiles.results import ProfileReport, ProfileSettings
from profiles.subcommand import EPILOG, Subcommand, interruption
from profiles.windows import LONGEST_LOOK, SHORTEST_LOOK
from soak.duration import duration_text


@click.command(cls=Subcommand, epilog=EPILOG)
@for_option("60s", LONGEST_LOOK, SHORTEST_LOOK, f"A verdict needs at least {duration_text(SHORTEST_WINDOW * WINDOWS)}.")
@report_options
@state_dir_option
def attach(seconds: float, report_dir: Path, as_json: bool, state_dir: Path) -> int:
    """Examine the running agent without stopping it.

    Traces the agent's allocations for the duration given with --for, and removes the tracing at the end. Tracing slows
    the agent down. Only the owner of the agent can do this. Ctrl-C ends the examination early and reports what was
    found by then.
    """
    socket = StateDir(state_dir).control_socket
    asked = ProfileSettings(seconds=seconds, state_dir=str(state_dir.absolute()))
    return run_and_report(
        initial_report("attach", 0, asked),
        lambda first, save: _attach(socket, seconds, first, save),
        report_dir,
        as_json,
    )


def _attach(socket: Path, seconds: float, first: ProfileReport, save: SaveProgress) -> ProfileReport:
    looking = AttachRun(socket, seconds, print_progress, lambda known: save(known.report(first)))
    return running.run(looking.reported(first, interruption()))
