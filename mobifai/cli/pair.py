"""`mobifai pair`: invite one new client."""

from pathlib import Path

import click
import msgspec

from mobifai.cli import invitation
from mobifai.cli.control_client import request_running
from mobifai.cli.settings import state_dir_option


@click.command()
@click.option("--legacy", is_flag=True, help="Invite one legacy app, which does not encrypt end to end.")
@click.option("--json", "as_json", is_flag=True, help="Print the invitation as JSON.")
@state_dir_option
def pair(legacy: bool, as_json: bool, state_dir: Path) -> None:
    """Invite one new phone: show a QR code and a link.

    An invitation works once, for 10 minutes. The link is for a client that encrypts end to end, such as the page that
    it opens. With --legacy, a pairing code for one legacy app is shown instead: without encryption, whoever can listen
    on the network or runs the relay can read what that app does, and can use the terminals in its name.

    With --json, `token` is what the invited phone sends to register. Where a relay runs alone, this invites an agent.
    """
    answer = request_running(state_dir, "pair", **({"legacy": True} if legacy else {}))
    if as_json:
        click.echo(msgspec.json.encode(answer))
    else:
        invitation.show(answer)
