"""`mobifai pair`: invite one phone, or one agent of a relay."""

from pathlib import Path

import click
import msgspec

from mobifai.cli import invitation
from mobifai.cli.control_client import request_running
from mobifai.cli.settings import state_dir_option


@click.command()
@click.option("--legacy", is_flag=True, help="Invite a legacy app, which does not encrypt end to end.")
@click.option("--json", "as_json", is_flag=True, help="Print the invitation as JSON.")
@state_dir_option
def pair(legacy: bool, as_json: bool, state_dir: Path) -> None:
    """Invite one phone: show a QR code and a link.

    An invitation works once, for 10 minutes. The link opens a page that encrypts end to end. With --legacy, a pairing
    code for a legacy app is shown instead. A legacy app does not encrypt: anyone who listens on the network or runs the
    relay can read what it does, and can use the terminals in its name.

    With --json, `token` is what the invited phone sends to register. On the machine of a `mobifai relay`, this command
    invites an agent.
    """
    answer = request_running(state_dir, "pair", **({"legacy": True} if legacy else {}))
    if as_json:
        click.echo(msgspec.json.encode(answer))
    else:
        invitation.show(answer)
