"""`mobifai restart`: restart the agent, and keep its terminals."""

from pathlib import Path

import click

from mobifai.cli.control_client import request_running
from mobifai.cli.settings import state_dir_option


@click.command()
@state_dir_option
def restart(state_dir: Path) -> None:
    """Restart the agent. Terminals keep running, and phones reconnect automatically."""
    request_running(state_dir, "restart")
    click.echo("The agent is restarting; terminals keep running.")
