"""`mobifai restart`: a fresh agent for the same terminals."""

from pathlib import Path

import click

from mobifai.cli.control_client import request_running
from mobifai.cli.settings import state_dir_option


@click.command()
@state_dir_option
def restart(state_dir: Path) -> None:
    """Start the agent anew. Every terminal runs on, and phones come back by themselves."""
    request_running(state_dir, "restart")
    click.echo("The agent starts anew; terminals run on.")
