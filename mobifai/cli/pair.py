"""`mobifai pair`: a new phone's way in."""

from pathlib import Path

import click
import msgspec

from mobifai.cli import invitation
from mobifai.cli.running import ask_running
from mobifai.cli.settings import state_dir_option


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@state_dir_option
def pair(as_json: bool, state_dir: Path) -> None:
    """Show a QR code, a link and a pairing code for one new phone.

    Each works once, for 10 minutes; 5 wrong tries lock the code. All is encrypted end to end with a phone that comes by
    the link; the code alone is for apps that can't do that. With --json, `token` is what a phone sends to register.
    """
    answer = ask_running(state_dir, "pair")
    if as_json:
        click.echo(msgspec.json.encode(answer))
    else:
        invitation.show(answer)
