"""`mobifai devices`: list paired phones and agents, and revoke one."""

from pathlib import Path
from typing import Any

import click
import msgspec
from rich.table import Table
from rich.text import Text

from mobifai.cli.control_client import request_running
from mobifai.cli.settings import state_dir_option
from mobifai.cli.tables import print_table
from mobifai.protocol.plain_text import one_line


@click.group()
@click.pass_context
def devices(context: click.Context) -> None:
    """List paired devices, or revoke one."""
    context.default_map = dict.fromkeys(devices.commands, context.default_map)


@devices.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
@state_dir_option
def list_devices(as_json: bool, state_dir: Path) -> None:
    """List the paired devices, and which of them use end-to-end encryption."""
    answer = request_running(state_dir, "devices")
    if as_json:
        click.echo(msgspec.json.encode(answer))
        return
    table = Table("Device", "Name", "Kind", "Last used", "Now", "End to end", box=None)
    for device in answer["devices"]:
        kind = "agent" if device["type"] == "mac" else "phone"
        now = "connected" if device["connected"] else ""
        known = device.get("e2e") or {}
        name = known.get("name") or device["name"]
        cells = (device["deviceId"], name, kind, known.get("lastUsed") or device["lastSeen"], now, _protection(device))
        table.add_row(*(Text(one_line(cell)) for cell in cells))
    print_table(table)
    if "relay" in answer:
        click.echo(
            one_line(
                f"Only phones with end-to-end encryption are listed: the relay did not answer ({answer['relay']}).", 500
            )
        )


def _protection(device: dict[str, Any]) -> str:
    """Return the text that says how a device is encrypted.

    For a phone, this is the fingerprint of its key, "not yet", or "no, legacy app". For an agent, it is empty.
    """
    if device["type"] == "mac":
        return ""
    known = device.get("e2e")
    if known:
        return f"yes, key {known['fingerprint']}"
    return "not yet" if device.get("kind") == "e2e" else "no, legacy app"


@devices.command()
@click.argument("device_id")
@state_dir_option
def revoke(device_id: str, state_dir: Path) -> None:
    """Revoke a device: its token becomes invalid, and its session ends immediately.

    `mobifai devices list` shows the id of each device.
    """
    answer = request_running(state_dir, "revoke", device_id=device_id)
    click.echo(f"Revoked {one_line(device_id)}.")
    if "relay" in answer:
        click.echo(
            one_line(f"The relay did not revoke this device ({answer['relay']}), but the agent rejects it.", 500)
        )
