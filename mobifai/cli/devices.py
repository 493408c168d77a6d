"""`mobifai devices`: which phones and agents may come in, and shutting one out."""

from pathlib import Path

import click
import msgspec
from rich.table import Table
from rich.text import Text

from mobifai.cli.plain import plain
from mobifai.cli.running import ask_running
from mobifai.cli.settings import state_dir_option
from mobifai.cli.tables import print_table


@click.group()
@click.pass_context
def devices(context: click.Context) -> None:
    """Show the devices that may come in, or shut one out."""
    context.default_map = dict.fromkeys(devices.commands, context.default_map)


@devices.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@state_dir_option
def list_devices(as_json: bool, state_dir: Path) -> None:
    """List the devices of this account."""
    answer = ask_running(state_dir, "devices")
    if as_json:
        click.echo(msgspec.json.encode(answer))
        return
    table = Table("Device", "Name", "Kind", "Last seen", "Now", box=None)
    for device in answer["devices"]:
        kind = "agent" if device["type"] == "mac" else "phone"
        now = "connected" if device["connected"] else ""
        cells = (device["deviceId"], device["name"], kind, device["lastSeen"], now)
        table.add_row(*(Text(plain(cell)) for cell in cells))
    print_table(table)


@devices.command()
@click.argument("device_id")
@state_dir_option
def revoke(device_id: str, state_dir: Path) -> None:
    """Shut a device out, at once: its token is void and its session ends."""
    ask_running(state_dir, "revoke", device_id=device_id)
    click.echo(f"{device_id} may no longer come in.")
