"""`mobifai profile heap`: shows the memory of the running agent."""

import asyncio
import io
from contextlib import redirect_stdout
from pathlib import Path

import click
import msgspec

from mobifai.cli.control_client import run
from mobifai.cli.settings import state_dir_option
from mobifai.control.client import send_request
from mobifai.errors import CommandError
from mobifai.state import StateDir
from profiles.heap import print_heap
from profiles.heap_results import HeapReport
from profiles.subcommand import INTERRUPTED, LOOK_EPILOG, Subcommand, interruption
from soak.harness.identity import product
from soak.output import show


@click.command(cls=Subcommand, epilog=LOOK_EPILOG)
@click.option("--json", "as_json", is_flag=True, help="Print the snapshot as JSON.")
@state_dir_option
def heap(as_json: bool, state_dir: Path) -> int:
    """Show the contents of the running agent's memory."""
    stop = interruption()
    stop.hold()
    try:
        snapshot = run(stop.end(send_request(StateDir(state_dir).control_socket, "profile.heap")))
    except asyncio.CancelledError:
        raise CommandError("interrupted before the agent answered", INTERRUPTED) from None
    if as_json:
        report = msgspec.convert({**snapshot, "product": msgspec.to_builtins(product())}, HeapReport)
        return show(msgspec.json.encode(report) + b"\n", 0)
    with redirect_stdout(io.StringIO()) as text:
        print_heap(snapshot)
    return show(text.getvalue(), 0)
